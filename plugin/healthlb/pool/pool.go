// Package pool holds the members of a pool, what is known of their health, and what follows for answers. Whenever something changes it
// makes a new snapshot, and queries are answered from the snapshot alone.
package pool

import (
	"net/netip"
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
	Spec
	stats *Stats

	mu      sync.Mutex // guards what follows, the records of the slots included; never held while a query is answered
	members []*member
	policy  policy.Policy

	snapshot atomic.Pointer[Snapshot]
}

// member is a member with its addresses, of which one may be nil.
type member struct {
	Member
	addresses [Families]*address
}

// address is a member in one family.
type address struct {
	addr  netip.Addr
	slots []*Slot
	state health.State // the worst of the slots
	since time.Time    // when the state was entered
	usage *usage
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
}

// Transition is a change of a member's state in one family.
type Transition struct {
	Pool, Member string
	Family       Family
	Address      netip.Addr
	From, To     health.State
	Reason       string
}

// New makes a pool. The states, counters and times of members that former has too are carried over from it: those of the same id,
// address, port and check. former may be nil.
func New(spec Spec, former *Pool, now time.Time) (*Pool, error) {
	p := &Pool{Spec: spec, stats: newStats()}
	var err error
	if p.policy, err = policy.New(spec.Policy); err != nil {
		return nil, err
	}
	var known map[slotKey]*Slot
	if former != nil {
		former.mu.Lock()
		defer former.mu.Unlock()
		p.stats, known = former.stats, former.known()
	}
	p.setMembers(spec.Members, known, now)
	return p, nil
}

// slotKey is what a state belongs to.
type slotKey struct {
	member string
	addr   netip.AddrPort
	check  string
}

// key returns what the slot's state belongs to. The port counts, the address that is probed instead does not.
func (s *Slot) key() slotKey {
	return slotKey{s.member.ID, netip.AddrPortFrom(s.address.addr, s.Probe.Port()), s.Pool.Checks[s.Check].Name}
}

func (p *Pool) known() map[slotKey]*Slot {
	known := make(map[slotKey]*Slot)
	for s := range p.slots() {
		known[s.key()] = s
	}
	return known
}

// slots goes over all slots of the pool. The caller holds p.mu.
func (p *Pool) slots() func(yield func(*Slot) bool) {
	return func(yield func(*Slot) bool) {
		for _, m := range p.members {
			for _, a := range m.addresses {
				if a == nil {
					continue
				}
				for _, s := range a.slots {
					if !yield(s) {
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
	var slots []*Slot
	for s := range p.slots() {
		slots = append(slots, s)
	}
	return slots
}

// SetMembers gives the pool other members. What is known of those that stay is kept. The slots of before are gone: the caller sends
// results to the new ones, and then calls Rebuild.
func (p *Pool) SetMembers(members []Member, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.known()
	for _, s := range known {
		s.gone = true
	}
	p.setMembers(members, known, now)
}

// setMembers takes over from known what belongs to the new members. The caller holds the locks of this pool and of known's.
func (p *Pool) setMembers(members []Member, known map[slotKey]*Slot, now time.Time) {
	p.members = make([]*member, len(members))
	ids := make([]string, len(members))
	for i, spec := range members {
		m := &member{Member: spec}
		p.members[i], ids[i] = m, spec.ID
		for f, family := range [Families]struct{ addr, probe netip.Addr }{A: {spec.V4, spec.Probe4}, AAAA: {spec.V6, spec.Probe6}} {
			if family.addr.IsValid() {
				m.addresses[f] = p.newAddress(m, Family(f), family.addr, family.probe, known, now)
			}
		}
	}
	p.policy.Members(ids)
}

func (p *Pool) newAddress(m *member, f Family, addr, probe netip.Addr, known map[slotKey]*Slot, now time.Time) *address {
	if !probe.IsValid() {
		probe = addr
	}
	a := &address{addr: addr, since: now, usage: &usage{}}
	var carried *address
	for i, check := range p.Checks {
		port := check.Port
		if m.Port != 0 {
			port = m.Port
		}
		s := &Slot{
			Pool: p, Check: i, Probe: netip.AddrPortFrom(probe, port),
			member: m, family: f, address: a, record: health.New(),
		}
		if before := known[s.key()]; before != nil {
			s.record, s.last, carried = before.record, before.last, before.address
		}
		a.slots = append(a.slots, s)
	}
	a.state = a.worst()
	if carried != nil {
		a.usage = carried.usage
		if a.state == carried.state {
			a.since = carried.since
		}
	}
	return a
}

func (a *address) worst() health.State {
	worst := health.Up
	for _, s := range a.slots {
		worst = health.Worst(worst, s.record.State)
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
		changed = &Transition{p.Name, s.member.ID, s.family, a.addr, from, to, o.Reason}
		a.usage.transitions[to].Add(1)
	}
	return s.record.Confirming(t), changed
}

// Known says whether the slot has had a result, or its state was carried over.
func (s *Slot) Known() bool {
	s.Pool.mu.Lock()
	defer s.Pool.mu.Unlock()
	return s.record.State != health.Unknown
}
