package pool

import (
	"net/netip"
	"time"

	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/policy"
)

// View is what there is to see of a pool at one moment, for people and for metrics.
type View struct {
	Families [Families]FamilyView
	Members  []MemberView
	Stale    int // how many checks of the members' addresses are; see Slot.SetStale
}

// FamilyView is one family of a pool.
type FamilyView struct {
	Members  int // 0: the pool does not have this family
	Able     int // how many are eligible, standbys included
	Eligible int // how many count for min_up
	MinUp    int
	AllDown  bool
	Spared   int // of the able: those who are down, and count since too few others do, or since the responder takes itself to be cut off
}

// MemberView is one member.
type MemberView struct {
	Member
	Addresses []AddressView
	Drained   bool // a drain is in force
	Weighs    int  // its weight as the policy has it: that of Member in the pool's unit, in the percentage that its checks were told
}

// SafeAfter returns when the last answer that may have named the member has run out of caches, and whether answers may name it now: then
// that moment moves on.
func (m MemberView) SafeAfter() (at time.Time, named bool) {
	for _, a := range m.Addresses {
		named = named || a.Named
		if a.SafeAfter.After(at) {
			at = a.SafeAfter
		}
	}
	return at, named
}

// AddressView is a member in one family.
type AddressView struct {
	Addr        netip.Addr
	Family      Family
	State       health.State
	Since       time.Time
	Reason      string    // what the last probe that did not pass said, or that the address is held down
	HeldUntil   time.Time // it flaps, and is down at least until then, whatever its checks say; zero: it does not
	Excused     bool      // it is down for nothing but that, or certificates that have run out: it counts when too few others are eligible
	Percent     int       // how much of its weight its checks were told that it asks for; -1: nothing was said
	Eligible    bool
	Named       bool    // answers choose among it and others
	Fade        float64 // how much of its share it has: 1, while it does not fade in
	Configured  float64 // its share of the names in answers as configured, for clients without a region of their own; 0: not answered with
	Served      float64 // its share of them in the last minutes; see windowSeconds
	Answers     uint64  // the answers that named it
	Leases      float64 // its answer leases; only where the policy looks at them
	Reported    *float64
	Block       *block.Entry
	Checks      []CheckView
	Answered    *time.Time
	SafeAfter   time.Time
	Transitions [health.States]uint64 // how often each state was entered
}

// CheckView is one check of an address.
type CheckView struct {
	Slot     *Slot
	Check    Check // with the port that is probed
	Record   health.Record
	Last     Observation
	NotAfter time.Time // when the certificate runs out that was seen last; zero: none was
	Stale    bool      // see Slot.SetStale
}

// View looks at the pool as it is at a moment with what is around.
func (p *Pool) View(by Around, now time.Time) View {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := View{Members: make([]MemberView, len(p.members))}
	eligible, named := make(map[*address]bool), make(map[*address]bool)
	configured := make(map[*address]float64)
	var served [Families]float64
	for f := range Families {
		verdict := p.judge(Family(f), by, now)
		v.Families[f] = FamilyView{len(verdict.all), len(verdict.able), len(verdict.eligible), verdict.minUp, verdict.allDown, 0}
		for _, c := range verdict.able {
			eligible[c.address] = true
			if !c.address.state.Serving() {
				v.Families[f].Spared++
			}
		}
		shares := p.shares(verdict, now)
		for i, c := range verdict.named {
			configured[c.address] = shares[i]
		}
		for _, c := range verdict.all {
			named[c.address] = verdict.chooses(c)
			served[f] += c.address.usage.recent(now.Unix())
		}
	}
	for i, m := range p.members {
		drain, ordered := by.Drains[m.ID]
		v.Members[i].Member, v.Members[i].Drained, v.Members[i].Weighs = *m.Member, ordered && drain.inForce(now), int(m.weight)
		for f, a := range m.addresses {
			if a != nil {
				view := a.view(Family(f), now)
				view.Eligible, view.Named, view.Configured = eligible[a], named[a], configured[a]
				view.Fade = p.FadeIn.of(a.usage, now)
				view.Answers = a.usage.answers.Load()
				if served[f] > 0 {
					view.Served = a.usage.recent(now.Unix()) / served[f]
				}
				view.look(a.usage, now)
				if entry, omitted := by.Blocks.Omits(a.addr, p.Name); omitted {
					view.Block = &entry
				}
				v.Members[i].Addresses = append(v.Members[i].Addresses, view)
				v.Stale += view.stale()
			}
		}
	}
	return v
}

// look fills in the load, where it is written down.
func (v *AddressView) look(u *usage, now time.Time) {
	l := u.load.Load()
	if l == nil {
		return
	}
	v.Leases = float64(l.Leases(now.Unix())) / policy.One
	if load, fresh := l.Reported(now.Unix()); fresh {
		v.Reported = &load
	}
}

// shares returns the share of each of the named in the names of answers, as configured.
func (p *Pool) shares(v verdict, now time.Time) []float64 {
	if len(v.named) == 0 {
		return nil
	}
	k := len(v.named)
	if p.Answers > 0 {
		k = min(k, p.Answers)
	}
	told, cs := make([]policy.Member, len(v.named)), make([]policy.Candidate, len(v.named))
	named := v.named
	if !v.allDown {
		named = p.FadeIn.faded(v.named, now)
	}
	for i, c := range named {
		told[i] = policy.Member{ID: c.member.ID, Weight: int(c.member.weight)}
		cs[i] = policy.Candidate{Member: int32(i), Fade: c.fade}
	}
	s := p.Policy
	if v.allDown {
		s.Name = "round_robin"
	}
	return s.Shares(told, cs, k)
}

func (a *address) view(f Family, now time.Time) AddressView {
	v := AddressView{
		Addr: a.addr, Family: f, State: a.state, Since: a.since, Reason: a.reason(), Excused: a.excused, Percent: a.percent(),
		Answered: a.usage.lastAnswer(), SafeAfter: a.usage.safe(),
	}
	if until := a.heldUntil(); a.held || until.After(now) {
		v.HeldUntil = until
	}
	for i := range v.Transitions {
		v.Transitions[i] = a.usage.transitions[i].Load()
	}
	for i := range a.slots {
		s := &a.slots[i]
		check := s.Pool.Checks[s.Check]
		check.Port = s.Probe.Port()
		v.Checks = append(v.Checks, CheckView{s, check, s.record, s.last, s.last.NotAfter, s.stale})
	}
	return v
}

// stale returns how many of its checks are.
func (v *AddressView) stale() (n int) {
	for i := range v.Checks {
		if v.Checks[i].Stale {
			n++
		}
	}
	return n
}
