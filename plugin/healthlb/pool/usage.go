package pool

import (
	"sync/atomic"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/policy"
)

// notes is what answers write down of an address that they name. Those of a pool lie side by side, so that naming a few of many touches
// little memory.
type notes struct {
	answered  atomic.Int64  // when it was last named, in seconds since 1970; 0: never
	safeAfter atomic.Int64  // when the last answer that may have named it has run out of caches, rounded up, in seconds since 1970
	answers   atomic.Uint64 // how many named it
	usage     *usage
}

// usage is what is known of the use of an address. It outlives the pool over reloads.
type usage struct {
	*notes
	served served

	cameUp      atomic.Int64                // the moment from which on it fades in, see sinceEpoch; 0: it does not
	load        atomic.Pointer[policy.Load] // nil: the policy does not ask
	transitions [health.States]atomic.Uint64

	// teller is whose transitions count. While a reload is under way, the pools of two Corefiles see the same results for one address.
	teller atomic.Pointer[address]
}

// begin notes that nothing is known of answers before now: somebody else may have named the address, a process before this one for
// instance, and caches may hold it for one TTL from now.
func (u *usage) begin(now time.Time, ttl uint32) { u.safeAfter.Store(now.Unix() + 1 + int64(ttl)) }

// bear has the load of the address written down in l. What was written down before another TTL came with a reload is taken over.
func (u *usage) bear(l *policy.Load, ttl uint32, now time.Time) {
	old := u.load.Load()
	if old != nil && old.Suits(ttl) {
		return
	}
	if old != nil {
		l.Inherit(old, now.Unix())
	}
	u.load.Store(l)
}

// noted says whether it has been written down already that an answer given now names the address and runs out of caches at safe. That is so
// for most answers.
func (n *notes) noted(now, safe int64) bool {
	return n.answered.Load() >= now && n.safeAfter.Load() >= safe
}

// note writes down that an answer given now names the address and runs out of caches at safe.
func (n *notes) note(now, safe int64) {
	if n.answered.Load()/windowSeconds < now/windowSeconds { // else the usage, which lies elsewhere, need not be looked at
		n.usage.served.turnOver(now, n.answers.Load())
	}
	raise(&n.answered, now)
	raise(&n.safeAfter, safe)
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
