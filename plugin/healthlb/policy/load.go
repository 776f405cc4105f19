package policy

import (
	"math"
	"sync/atomic"
)

// Load is how busy one member is in one family, as far as it is known here: by its answer leases, and by what it reports itself. The
// leases are the sum, over the answers that name the member and are still in caches, of 1/(how many that answer names).
//
// Leases run out in buckets of time, one second wide, or wider when the TTL is above a minute: then a lease is counted for up to one
// width longer. Whoever looks takes off what has run out. No call waits for another. Of concurrent ones, each may miss what the others
// have only half done, but nothing is lost or counted twice.
type Load struct {
	sum     atomic.Int64 // what has been taken and not yet run out, in parts of One
	slot    atomic.Int64 // the last slot of time whose leases have been taken off
	width   int64        // of a slot, in seconds; slot s ends at s x width seconds since 1970
	report  atomic.Pointer[report]
	buckets [slots]atomic.Int64 // the leases that run out at the end of each slot, by the number of the slot modulo slots
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
func lease(named int) int64 { return max(1, One/int64(named)) }

// NewLoad returns the Load of a member that answers with a TTL of up to maxTTL seconds name.
func NewLoad(maxTTL uint32) *Load {
	return &Load{width: widthFor(maxTTL)}
}

// Covers says whether the Load can tell leases of a TTL apart.
func (l *Load) Covers(ttl uint32) bool { return l.width >= widthFor(ttl) }

// widthFor returns how wide slots are for a TTL, in seconds.
func widthFor(ttl uint32) int64 { return max(1, (int64(ttl)+slotsPerTTL-1)/slotsPerTTL) }

// Leases returns the leases at a time in seconds since 1970, in parts of One.
func (l *Load) Leases(now int64) int64 {
	l.advance(now / l.width)
	return l.sum.Load()
}

// advance takes off the leases of all slots up to one. When the clock has been set back, it goes back as well: leases taken before that
// then run out at other times than they should, but when each slot has come by once at the latest.
func (l *Load) advance(slot int64) {
	for old := l.slot.Load(); slot > old || slot < old-stale; old = l.slot.Load() {
		if !l.slot.CompareAndSwap(old, slot) {
			continue
		}
		for s := max(old, slot-slots) + 1; s <= slot; s++ {
			if b := &l.buckets[s&(slots-1)]; b.Load() != 0 {
				l.sum.Add(-b.Swap(0))
			}
		}
		return
	}
}

// take adds a lease if the sum then is not above limit, or whatever it is when limit is negative. Each lease taken must be followed by
// Hold or give, or it stays for ever.
func (l *Load) take(lease, limit int64) bool {
	if limit < 0 {
		l.sum.Add(lease)
		return true
	}
	for {
		old := l.sum.Load()
		if old+lease > limit {
			return false
		}
		if l.sum.CompareAndSwap(old, old+lease) {
			return true
		}
	}
}

// give takes back a lease that was taken for an answer that does not name the member after all.
func (l *Load) give(lease int64) { l.sum.Add(-lease) }

// Hold says that an answer that Pick gave, and that names so many members, may be in caches until a time in seconds since 1970, which
// must not be further away than maxTTL and 2 seconds.
func (l *Load) Hold(until int64, named int) {
	s := (until + l.width - 1) / l.width
	first := l.slot.Load() + 1
	if s-first >= slots-1 { // nobody has looked for long; it is later than this
		l.advance(s - slots + 1)
		first = l.slot.Load() + 1
	}
	s = min(max(s, first), first+slots-2)
	l.buckets[s&(slots-1)].Add(lease(named))
}

// Report says what the member itself reports of its load: a number that is the larger the busier it is, and counts until a time in
// seconds since 1970. The unit is the reporters' own; it is the same for all members of a pool.
func (l *Load) Report(load float64, until int64) {
	if !math.IsNaN(load) {
		l.report.Store(&report{load, until})
	}
}

// Reported returns what the member reported last, if that still counts at a time in seconds since 1970.
func (l *Load) Reported(now int64) (load float64, ok bool) {
	r := l.report.Load()
	if r == nil || now >= r.until {
		return 0, false
	}
	return r.load, true
}

// Copy returns a Load of its own with the leases and the report of this one, to play through what would happen from now on, in seconds
// since 1970. Leases of answers that are just being given are not in it.
func (l *Load) Copy(now int64) *Load {
	l.advance(now / l.width)
	c := &Load{width: l.width}
	c.slot.Store(l.slot.Load())
	sum := int64(0)
	for i := range l.buckets {
		n := l.buckets[i].Load()
		c.buckets[i].Store(n)
		sum += n
	}
	c.sum.Store(sum)
	c.report.Store(l.report.Load())
	return c
}
