package pool

import "sync/atomic"

// served counts the answers that name an address: all of them, and those of the last minutes, which its share is taken from.
type served struct {
	answers atomic.Uint64 // all

	window  atomic.Int64  // the window of windowSeconds that the last answer was in, by number
	opening atomic.Uint64 // answers when that window began
	before  atomic.Uint64 // answers in the window before it
}

// windowSeconds is over what time shares are looked at: long enough for a quiet pool to have some answers, short enough to see what a
// change has done.
const windowSeconds = 300

// turnOver begins a new window when it is time. Of several queries at once one does it; what the others count meanwhile may fall into
// either window.
func (s *served) turnOver(now int64) {
	old, current := s.window.Load(), now/windowSeconds
	if current <= old || !s.window.CompareAndSwap(old, current) {
		return
	}
	total := s.answers.Load() - 1 // the answer that is being noted is the first of the new window
	before := total - s.opening.Load()
	if current > old+1 {
		before = 0
	}
	s.before.Store(before)
	s.opening.Store(total)
}

// recent returns about how many answers named the address in the windowSeconds up to now: those of this window, and of the one before it
// the part that still counts.
func (s *served) recent(now int64) float64 {
	this, last := float64(s.answers.Load()-s.opening.Load()), float64(s.before.Load())
	switch now/windowSeconds - s.window.Load() {
	case 0:
	case 1:
		this, last = 0, this
	default:
		return 0
	}
	return this + last*(1-float64(now%windowSeconds)/windowSeconds)
}
