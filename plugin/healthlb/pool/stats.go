package pool

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// Stats counts what a pool answered. It outlives the pool over reloads.
type Stats struct {
	Answers        atomic.Uint64 // replies to queries for an address of the pool
	AllDownAnswers atomic.Uint64 // those of them given because too few members were eligible
	FileErrors     atomic.Uint64 // members files that were not taken over

	turns [Families]atomic.Uint64 // see policy.Query
}

func newStats() *Stats {
	s := &Stats{}
	for f := range s.turns {
		s.turns[f].Store(rand.Uint64N(1 << 32)) // so that responders started together do not all begin with the same member
	}
	return s
}

// Stats returns the pool's counters.
func (p *Pool) Stats() *Stats { return p.stats }

// usage is what is written down of an address when it is answered with. It outlives the pool over reloads.
type usage struct {
	answered    atomic.Int64 // when it was last named, in seconds since 1970; 0: never
	safeAfter   atomic.Int64 // when the last answer that may have named it has run out of caches, rounded up, in seconds since 1970
	transitions [health.States]atomic.Uint64

	// teller is whose transitions count. While a reload is under way, the pools of two Corefiles see the same results for one address.
	teller atomic.Pointer[address]
}

// begin notes that nothing is known of answers before now: somebody else may have named the address, a process before this one for
// instance, and caches may hold it for one TTL from now.
func (u *usage) begin(now time.Time, ttl uint32) { u.safeAfter.Store(now.Unix() + 1 + int64(ttl)) }

// note writes down that an answer with this TTL names the address. Most calls find that the same second has been noted already, and
// only read.
func (u *usage) note(now int64, ttl uint32) {
	safe := now + 1 + int64(ttl)
	if u.answered.Load() >= now && u.safeAfter.Load() >= safe {
		return
	}
	raise(&u.answered, now)
	raise(&u.safeAfter, safe)
}

// raise sets v to x unless it is larger already.
func raise(v *atomic.Int64, x int64) {
	for old := v.Load(); old < x && !v.CompareAndSwap(old, x); old = v.Load() {
	}
}

// lastAnswer returns when the address was last named, nil for never.
func (u *usage) lastAnswer() *time.Time {
	s := u.answered.Load()
	if s == 0 {
		return nil
	}
	t := time.Unix(s, 0).UTC()
	return &t
}

// safe returns when the last answer that may have named the address has run out of caches.
func (u *usage) safe() time.Time { return time.Unix(u.safeAfter.Load(), 0).UTC() }
