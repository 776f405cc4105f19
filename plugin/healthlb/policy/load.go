package policy

import (
	"math"
	"sync/atomic"
)

// Load is how busy one member is in one family, as far as it is known here: by its answer leases, and by what it reports itself. The
// leases are the sum, over the answers that name the member and are still in caches, of 1/(how many that answer names). A copy of a Load
// stands for the same leases.
//
// Leases run out in slots of time, one second wide, or wider when the TTL is above a minute: then a lease is counted for up to one
// width longer. Whoever looks takes off what has run out. No call waits for another. Of concurrent ones, each may miss what the others
// have only half done, but nothing is lost or counted twice.
type Load struct {
	ledger *ledger
	sum    int // the cell with what has been taken and not yet run out, in parts of One
}

// report is what a member says of itself. It is immutable.
type report struct {
	load  float64
	until int64
}

// One is the lease of an answer that names one member only. It is the least common multiple of 1 to 16, so that the leases of an answer
// that names so many add up to exactly one, and small enough for 12 million million answers to be in caches at once.
const One = 720720

// slots is how many slots of time a Load tells apart: those of the longest TTL, one that has begun, and two for rounding up, in a power
// of two; slotsPerTTL is how many the longest TTL has at most.
const (
	slots       = 64
	slotsPerTTL = 60
)

// stale is by how many slots a query's time may lie behind what others have seen before the clock is thought to have been set back.
const stale = 2

// lease returns the lease that each member has of an answer that names so many.
func lease(named int) int64 {
	if named < len(leases) {
		return leases[named]
	}
	return max(1, One/int64(named))
}

// leases are those of short answers, which saves a division.
var leases = func() (parts [17]int64) {
	for named := 1; named < len(parts); named++ {
		parts[named] = One / int64(named)
	}
	return parts
}()

// NewLoad returns the Load of a member that answers with a TTL of up to maxTTL seconds name.
func NewLoad(maxTTL uint32) *Load { return &NewLoads(1, maxTTL)[0] }

// NewLoads returns the Loads of so many members. Queries that pick among members are fastest when their Loads were made together, in about
// the order of the members.
func NewLoads(n int, maxTTL uint32) []Load {
	loads := make([]Load, n)
	var b *ledger
	for i := range loads {
		if i%page == 0 {
			b = newLedger(min(page, n-i), n >= many, widthFor(maxTTL))
		}
		loads[i] = Load{b, i % page * b.member}
	}
	return loads
}

// Suits says whether the Load is one for answers of this TTL.
func (l *Load) Suits(ttl uint32) bool { return l.ledger.width == widthFor(ttl) }

// widthFor returns how wide slots are for a TTL, in seconds.
func widthFor(ttl uint32) int64 { return max(1, (int64(ttl)+slotsPerTTL-1)/slotsPerTTL) }

// Leases returns the leases at a time in seconds since 1970, in parts of One.
func (l *Load) Leases(now int64) int64 {
	l.ledger.advance(l.ledger.slotOf(now))
	return l.taken().Load()
}

// taken returns the sum of the leases that have been taken and not yet taken off.
func (l *Load) taken() *atomic.Int64 { return &l.ledger.cells[l.sum] }

// take adds a lease if the sum then is not above limit, or whatever it is when limit is negative. Each lease taken must be followed by
// Hold or give, or it stays for ever.
func (l *Load) take(lease, limit int64) bool {
	sum := l.taken()
	if limit < 0 {
		sum.Add(lease)
		return true
	}
	for {
		old := sum.Load()
		if old+lease > limit {
			return false
		}
		if sum.CompareAndSwap(old, old+lease) {
			return true
		}
	}
}

// give takes back a lease that was taken for an answer that does not name the member after all.
func (l *Load) give(lease int64) { l.taken().Add(-lease) }

// Hold says that an answer that Pick gave, and that names so many members, may be in caches until a time in seconds since 1970, which
// must not be further away than maxTTL and 2 seconds.
func (l *Load) Hold(until int64, named int) { l.hold(until, lease(named)) }

func (l *Load) hold(until, lease int64) {
	b := l.ledger
	s := b.slotOf(until + b.width - 1)
	first := b.slot.Load() + 1
	if s-first >= slots-1 { // nobody has looked for long; it is later than this
		b.advance(s - slots + 1)
		first = b.slot.Load() + 1
	}
	s = min(max(s, first), first+slots-2)
	b.bucket(l.sum, s).Add(lease)
}

// Report says what the member itself reports of its load: a number that is the larger the busier it is, and counts until a time in
// seconds since 1970. The unit is the reporters' own; it is the same for all members of a pool.
func (l *Load) Report(load float64, until int64) {
	if !math.IsNaN(load) {
		l.said().Store(&report{load, until})
	}
}

// Reported returns what the member reported last, if that still counts at a time in seconds since 1970.
func (l *Load) Reported(now int64) (load float64, ok bool) {
	r := l.said().Load()
	if r == nil || now >= r.until {
		return 0, false
	}
	return r.load, true
}

// said returns where the last report of the member is.
func (l *Load) said() *atomic.Pointer[report] { return &l.ledger.reports[l.sum/l.ledger.member] }

// Inherit takes over the leases and the report of another Load as they are at a time in seconds since 1970. Leases that run out later than
// this one can tell are taken for shorter ones. Those of answers that are just being given may be missed.
func (l *Load) Inherit(from *Load, now int64) {
	old := from.ledger
	last := old.slotOf(now)
	old.advance(last)
	l.ledger.advance(l.ledger.slotOf(now))
	for s := last + 1; s < last+slots; s++ {
		if n := old.bucket(from.sum, s).Load(); n != 0 {
			l.taken().Add(n)
			l.hold(s*old.width, n)
		}
	}
	l.said().Store(from.said().Load())
}
