package pool

import (
	"maps"
	"slices"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/policy"
)

// Members returns the pool's present members.
func (p *Pool) Members() []Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	members := make([]Member, len(p.members))
	for i, m := range p.members {
		members[i] = *m.Member
	}
	return members
}

// SetMembers gives the pool other members. Those that stay as they are keep their slots, and the results for these go on counting. Those
// that are new or changed get new ones, with what is known of the same id, address, port and check. It returns the slots that are there
// now and were not before, and those that were there and are gone: the caller sends results to the new ones, and then calls Rebuild.
func (p *Pool) SetMembers(members []Member, now time.Time) (added, gone []*Slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	members = slices.Clone(members) // it is the caller's; and who stays must not hold on to the whole list that it came with
	stay, leave := staying(members, p.members)
	gone = slices.Collect(slotsOf(leave))
	for _, s := range gone {
		s.gone = true
	}
	p.remember(leave, now)
	added = slices.Collect(slotsOf(p.setMembers(members, stay, knownOf(leave), now)))
	return added, gone
}

// remember notes until when caches may hold the addresses of members that leave: they may come back, under a shorter TTL. What is over is
// forgotten. The caller holds p.mu.
func (p *Pool) remember(leave []*member, now time.Time) {
	maps.DeleteFunc(p.left, func(_ usageKey, safe int64) bool { return safe <= now.Unix() })
	for _, m := range leave {
		for _, a := range m.addresses {
			if a == nil || a.usage.safeAfter.Load() <= now.Unix() {
				continue
			}
			if p.left == nil {
				p.left = make(map[usageKey]int64)
			}
			p.left[usageKey{m.ID, a.addr}] = a.usage.safeAfter.Load()
		}
	}
}

// staying tells which of the members of before stay as they are, by their index in members, and which leave.
func staying(members []Member, before []*member) (stay, leave []*member) {
	old := make(map[string]*member, len(before))
	for _, m := range before {
		old[m.ID] = m
	}
	stay = make([]*member, len(members))
	for i := range members {
		if m := old[members[i].ID]; m != nil && *m.Member == members[i] {
			stay[i] = m
			delete(old, m.ID)
		}
	}
	for _, m := range before {
		if old[m.ID] == m {
			leave = append(leave, m)
		}
	}
	return stay, leave
}

// setMembers has the pool consist of members. Those that stay are given by their index; with nil, none does. The others are made anew, and
// take over from before what belongs to them. It returns these. The caller holds the locks of this pool and of that of before.
func (p *Pool) setMembers(members []Member, stay []*member, before known, now time.Time) (made []*member) {
	p.members = make([]*member, len(members))
	unit := unitOf(p.Spec, members)
	rescaled := unit != p.unit
	p.unit = unit
	copy(p.members, stay)
	b := p.newBulk(members, p.members)
	for i := range members {
		m := p.members[i]
		if m != nil {
			if m.Member = &members[i]; rescaled {
				m.weigh(unit)
			}
			continue
		}
		m = take(&b.members)
		m.Member, p.members[i] = &members[i], m
		made = append(made, m)
		for f, addr := range m.Member.addresses() {
			if addr.IsValid() {
				p.setAddress(m, Family(f), b, before, now)
			}
		}
		m.weigh(p.unit)
	}
	setTiers(p.Policy, p.members)
	p.regroup()
	return made
}

// setAddress makes the address that a member has in a family.
func (p *Pool) setAddress(m *member, f Family, b *bulk, before known, now time.Time) {
	a, used := take(&b.addresses), take(&b.usages)
	used.notes = take(&b.notes)
	used.notes.usage = used
	*a = address{addr: m.Member.addresses()[f], since: now, usage: used, slots: b.slots[:len(p.Checks):len(p.Checks)]}
	b.slots = b.slots[len(p.Checks):]
	m.addresses[f] = a
	if known := before.addresses[usageKey{m.ID, a.addr}]; known != nil {
		a.usage = known.usage
		if p.Flap > 0 {
			a.flap = known.flap
		}
	} else {
		a.late = before.addresses != nil
		a.usage.begin(now, p.TTL)
		raise(&a.usage.safeAfter, p.left[usageKey{m.ID, a.addr}])
	}
	if b.loads != nil {
		a.usage.bear(take(&b.loads), p.TTL, now)
	}
	a.usage.teller.Store(a)
	p.setSlots(a, m, f, before.slots)
}

// setSlots makes the slots of an address, and takes over what is known.
func (p *Pool) setSlots(a *address, m *member, f Family, known map[slotKey]*Slot) {
	var carried *address
	for i := range a.slots {
		s := &a.slots[i]
		*s = Slot{
			Pool: p, Check: i, Probe: m.Probed(f, p.Checks[i]), member: m, family: f, address: a, record: health.New(), last: Observation{Percent: -1},
		}
		if before := known[s.key()]; before != nil {
			s.record, s.lenient, s.last, s.stale, carried = before.record, before.lenient, before.last, before.stale, before.address
		}
	}
	a.look()
	a.hold(carried != nil && carried.held && p.Flap > 0)
	if carried != nil && a.state == carried.state {
		a.since, a.fell = carried.since, carried.fell
	}
}

// bulk is what new members are made of. What there is many of is made many at a time: with 100,000 pools, the garbage collector's work for
// each is felt by queries.
type bulk struct {
	members   []member
	addresses []address
	usages    []usage
	notes     []notes
	slots     []Slot
	loads     []policy.Load // nil: the policy does not ask
}

// newBulk returns what is needed for those members that there is nothing for yet.
func (p *Pool) newBulk(members []Member, there []*member) *bulk {
	n, addresses := 0, 0
	for i := range members {
		if there[i] != nil {
			continue
		}
		n++
		for _, addr := range members[i].addresses() {
			if addr.IsValid() {
				addresses++
			}
		}
	}
	b := &bulk{
		members: make([]member, n), addresses: make([]address, addresses), usages: make([]usage, addresses),
		notes: make([]notes, addresses), slots: make([]Slot, addresses*len(p.Checks)),
	}
	if p.Policy.Leases() {
		b.loads = policy.NewLoads(addresses, p.TTL)
	}
	return b
}

// take takes the first of many.
func take[T any](many *[]T) *T {
	first := &(*many)[0]
	*many = (*many)[1:]
	return first
}
