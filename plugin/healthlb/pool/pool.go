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

	mu      sync.Mutex // guards what follows, the records of the slots included; never held while a query is answered
	members []*member
	groups  []group
	left    map[usageKey]int64 // of addresses that are gone and that caches may hold: until when, in seconds since 1970
	shown   uint64             // a hash of what it shows: the addresses that answers choose from, and their TTL
	retired bool               // it shows nothing any more

	snapshot atomic.Pointer[Snapshot]
}

// member is a member with its addresses, of which one may be nil.
type member struct {
	*Member
	addresses [Families]*address

	rank, tier       int32 // what its tier is ordered by, and which one that is; see setTiers
	inTier, inRegion seat  // in the group of its tier, and in that of its tier and region
}

// address is a member in one family.
type address struct {
	addr  netip.Addr
	slots []Slot
	state health.State // the worst of the slots
	since time.Time    // when the state was entered
	usage *usage
	late  bool // it was added to a pool that was there before
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

	record health.Record
	last   Observation
}

// Observation is what a probe found, as a pool sees it.
type Observation struct {
	Outcome health.Outcome
	Reason  string
	At      time.Time     // when the probe began; zero: never
	Took    time.Duration // how long it took

	Excused  bool      // see probe.Result
	NotAfter time.Time // when the member's certificate runs out; zero: none was seen
	Percent  int       // how much of its weight the member asks for; -1: it says nothing of it
}

// Transition is a change of a member's state in one family.
type Transition struct {
	Pool, Member string
	Family       Family
	Address      netip.Addr
	From, To     health.State
	Reason       string
	Twin         bool // another pool of this name, of a later Corefile, tells of it too
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
		for _, u := range before.usages {
			former.FadeIn.settle(u, now)
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

func (a *address) worst() health.State {
	worst := health.Up
	for i := range a.slots {
		worst = health.Worst(worst, a.slots[i].record.State)
	}
	return worst
}

// thresholds returns by which thresholds a member is judged: one of another region by MAX, since it may be this responder that is cut
// off.
func (p *Pool) thresholds(m *member) health.Thresholds {
	t := health.Thresholds{Min: p.Min, Fall: p.Min, Rise: p.Rise}
	if p.Region != "" && m.Region != "" && m.Region != p.Region {
		t.Fall = p.Max + 1
	}
	return t
}

// Observe takes in what a probe found for a slot. It returns whether the next probe should come at the confirm time, and the change of
// the member's state, nil when there is none. After a change the caller calls Rebuild.
func (s *Slot) Observe(o Observation) (confirm bool, changed *Transition) {
	p := s.Pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.gone {
		return false, nil
	}
	t := p.thresholds(s.member)
	s.record, s.last = s.record.Next(o.Outcome, t), o
	a := s.address
	if from, to := a.state, a.worst(); from != to {
		a.state, a.since = to, o.At.Add(o.Took)
		if to.Serving() && !from.Serving() {
			s.member.comesUp(s.family, from == health.Unknown, a.since)
		}
		changed = &Transition{p.Name, s.member.ID, s.family, a.addr, from, to, o.Reason, a.usage.teller.Load() != a}
		if !changed.Twin {
			a.usage.transitions[to].Add(1)
		}
	}
	return s.record.Confirming(t), changed
}

// Member is the id of the member whose check it is.
func (s *Slot) Member() string {
	s.Pool.mu.Lock()
	defer s.Pool.mu.Unlock()
	return s.member.ID
}

// Known says whether the slot has had a result, or its state was carried over.
func (s *Slot) Known() bool {
	s.Pool.mu.Lock()
	defer s.Pool.mu.Unlock()
	return s.record.State != health.Unknown
}
