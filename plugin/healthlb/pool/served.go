package pool

import "sync/atomic"

// served tells the answers of the last minutes that named an address from all, for its share of them.
type served struct {
	window  atomic.Int64  // the window of windowSeconds that the last answer was in, by number
	opening atomic.Uint64 // answers when that window began
	before  atomic.Uint64 // answers in the window before it
}

// windowSeconds is over what time shares are looked at: long enough for a quiet pool to have some answers, short enough to see what a
// change has done.
const windowSeconds = 300

// turnOver begins a new window when it is time; total is how many answers there were up to now. Of several queries at once one does it;
// what the others count meanwhile may fall into either window.
func (s *served) turnOver(now int64, total uint64) {
	old, current := s.window.Load(), now/windowSeconds
	if current <= old || !s.window.CompareAndSwap(old, current) {
		return
	}
	before := total - s.opening.Load()
	if current > old+1 {
		before = 0
	}
	s.before.Store(before)
	s.opening.Store(total)
}

// recent returns about how many answers named the address in the windowSeconds up to now: those of this window, and of the one before it
// the part that still counts.
func (u *usage) recent(now int64) float64 {
	s := &u.served
	this, last := float64(u.answers.Load()-s.opening.Load()), float64(s.before.Load())
	switch now/windowSeconds - s.window.Load() {
	case 0:
	case 1:
		this, last = 0, this
	default:
		return 0
	}
	return this + last*(1-float64(now%windowSeconds)/windowSeconds)
}
