// Package pool holds the members of a pool, what is known of their health, and what follows for answers. Whenever something changes it
// makes a new snapshot, and queries are answered from the snapshot alone.
package pool

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/policy"
)

// Family is an address family, as an index.
type Family int

// The families of addresses.
const (
	A Family = iota
	AAAA
	Families int = iota
)

// String returns the type of the family's records.
func (f Family) String() string { return [Families]string{"A", "AAAA"}[f] }

// Pool is a pool at work.
type Pool struct {
	*Spec // never changed; the members at work may be others, see SetMembers
	stats *Stats

	snapshot atomic.Pointer[Snapshot]

	mu      sync.Mutex // guards what follows, the records of the slots included; never held while a query is answered
	members []*member
	groups  []group
	reweigh bool               // some member's weight is not what the groups were told
	rings   time.Time          // until when they are not told, as rings were made just now
	left    map[usageKey]int64 // of addresses that are gone and that caches may hold: until when, in seconds since 1970
	unit    int                // what a weight of 1 counts for; see unitOf
	shown   uint64             // a hash of what it shows: the addresses that answers choose from, and their TTL
	retired bool               // it shows nothing any more
}

// member is a member with its addresses, of which one may be nil.
type member struct {
	*Member
	addresses [Families]*address

	rank, tier       int32 // what its tier is ordered by, and which one that is; see setTiers
	weight           int32 // what policies are told; see weigh
	inTier, inRegion seat  // in the group of its tier, and in that of its tier and region
}

// address is a member in one family. What every snapshot is made of comes first, so that it lies side by side.
type address struct {
	addr  netip.Addr
	usage *usage

	state   health.State // what counts: that of its checks, or down while it is held down
	checked health.State // that of its checks: the worst of the slots
	held    bool         // its checks pass, and it is held down since it flaps
	excused bool         // it is down for nothing that a member may not be named for when too few others are left; see excuse.go
	fell    bool         // it is down, and was served before
	stale   bool         // a slot is
	late    bool         // it was added to a pool that was there before
	spared  bool         // answers may name it although it is down; see Pool.fades

	slots []Slot
	since time.Time    // when the state was entered
	flap  *health.Flap // its falls; nil: there is none. What it points at is not changed
}

// Slot is one check of one address: where the results of its probes go.
type Slot struct {
	Pool  *Pool
	Check int            // index into Spec.Checks
	Probe netip.AddrPort // what is probed

	member  *member
	family  Family
	address *address
	gone    bool // the pool has other members now: results no longer count
	stale   bool // see SetStale

	record  health.Record
	lenient *health.Record // what the record would be if failures that are excused were passes; nil: the same. It is not changed
	last    Observation    // with the certificate and the percentage that were seen last
}

// New makes a pool. The states, counters and times of members that former has too are carried over from it: those of the same id,
// address, port and check. former may be nil.
func New(spec *Spec, former *Pool, now time.Time) (*Pool, error) {
	p := &Pool{Spec: spec, stats: newStats()}
	if _, err := policy.New(spec.Policy); err != nil {
		return nil, err
	}
	var before known
	if former != nil {
		former.mu.Lock()
		defer former.mu.Unlock()
		p.stats, before = former.stats, knownOf(former.members)
		for _, a := range before.addresses {
			former.FadeIn.settle(a.usage, now)
		}
		if former.Spec.Policy == spec.Policy {
			p.groups = former.groups
		}
		p.left = maps.Clone(former.left)
		if !slices.EqualFunc(spec.Members, former.members, func(a Member, b *member) bool { return a == *b.Member }) {
			_, leave := staying(spec.Members, former.members)
			p.remember(leave, now)
		}
	}
	p.setMembers(spec.Members, nil, before, now)
	return p, nil
}

// slotsOf goes over all slots of members. The caller holds the lock of their pool.
func slotsOf(members []*member) func(yield func(*Slot) bool) {
	return func(yield func(*Slot) bool) {
		for _, m := range members {
			for _, a := range m.addresses {
				if a == nil {
					continue
				}
				for i := range a.slots {
					if !yield(&a.slots[i]) {
						return
					}
				}
			}
		}
	}
}

// Slots returns the slots of the pool's present members.
func (p *Pool) Slots() []*Slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(slotsOf(p.members))
}

// Tell makes this pool the one whose transitions count: after a reload that failed, when a later one of its name was dropped.
func (p *Pool) Tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range slotsOf(p.members) {
		s.address.usage.teller.Store(s.address)
	}
}

// Member is the id of the member whose check it is.
func (s *Slot) Member() string {
	s.Pool.mu.Lock()
	defer s.Pool.mu.Unlock()
	return s.member.ID
}

// Waits says whether another result would change something, even if it said the same as the last one: the slot is stale, or the member is
// held down.
func (s *Slot) Waits() bool {
	s.Pool.mu.Lock()
	defer s.Pool.mu.Unlock()
	return s.stale || s.address.held
}

// Known says whether the slot has had a result, or its state was carried over.
func (s *Slot) Known() bool {
	s.Pool.mu.Lock()
	defer s.Pool.mu.Unlock()
	return s.record.State != health.Unknown
}
