package pool

import (
	"net/netip"
	"time"

	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/health"
)

// View is what there is to see of a pool at one moment, for people and for metrics.
type View struct {
	Families [Families]FamilyView
	Members  []MemberView
}

// FamilyView is one family of a pool.
type FamilyView struct {
	Members  int // 0: the pool does not have this family
	Eligible int
	MinUp    int
	AllDown  bool
}

// MemberView is one member.
type MemberView struct {
	Member
	Addresses []AddressView
}

// AddressView is a member in one family.
type AddressView struct {
	Addr        netip.Addr
	Family      Family
	State       health.State
	Since       time.Time
	Reason      string // what the last probe that did not pass said
	Eligible    bool
	Block       *block.Entry
	Checks      []CheckView
	Answered    *time.Time
	SafeAfter   *time.Time
	Transitions [health.States]uint64 // how often each state was entered
}

// CheckView is one check of an address.
type CheckView struct {
	Check  Check // with the port that is probed
	Record health.Record
	Last   Observation
}

// View looks at the pool as it is under the given blocks.
func (p *Pool) View(blocks *block.Set) View {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := View{Members: make([]MemberView, len(p.members))}
	eligible := make(map[*address]bool)
	for f := range Families {
		verdict := p.judge(Family(f), blocks)
		v.Families[f] = FamilyView{len(verdict.all), len(verdict.eligible), verdict.minUp, verdict.allDown}
		for _, c := range verdict.eligible {
			eligible[c.address] = true
		}
	}
	for i := range p.members {
		m := &p.members[i]
		v.Members[i].Member = *m.Member
		for f, a := range m.addresses {
			if a != nil {
				view := a.view(Family(f))
				view.Eligible = eligible[a]
				if entry, omitted := blocks.Omits(a.addr, p.Name); omitted {
					view.Block = &entry
				}
				v.Members[i].Addresses = append(v.Members[i].Addresses, view)
			}
		}
	}
	return v
}

func (a *address) view(f Family) AddressView {
	v := AddressView{
		Addr: a.addr, Family: f, State: a.state, Since: a.since,
		Answered: seconds(&a.usage.answered), SafeAfter: seconds(&a.usage.safeAfter),
	}
	for i := range v.Transitions {
		v.Transitions[i] = a.usage.transitions[i].Load()
	}
	for i := range a.slots {
		s := &a.slots[i]
		check := s.Pool.Checks[s.Check]
		check.Port = s.Probe.Port()
		v.Checks = append(v.Checks, CheckView{check, s.record, s.last})
		if s.record.State == a.state && v.Reason == "" {
			v.Reason = s.last.Reason
		}
	}
	return v
}

// Effect is what other blocks would change for one family.
type Effect struct {
	Family        Family
	MinUp         int
	Before, After int  // how many are eligible
	NamesBefore   bool // an answer names someone
	NamesAfter    bool
	Omitted       []Omitted
}

// Omitted is an address that would newly be blocked.
type Omitted struct {
	Addr  netip.Addr
	usage *usage
}

// SafeAfter returns when the last answer so far that named the address has run out of caches; nil when none did.
func (o Omitted) SafeAfter() *time.Time { return seconds(&o.usage.safeAfter) }

// Touched says whether an entry of the set covers an address that the pool may answer with.
func (p *Pool) Touched(set *block.Set) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for f := range Families {
		for _, c := range p.candidates(Family(f)) {
			if omits(set, c.address.addr, p.Name) {
				return true
			}
		}
	}
	for _, addr := range p.AllDown.Addresses {
		if omits(set, addr, p.Name) {
			return true
		}
	}
	return false
}

// Compare tells what the pool would lose or win if the blocks were after instead of before, for the families in which that is anything.
func (p *Pool) Compare(before, after *block.Set) []Effect {
	p.mu.Lock()
	defer p.mu.Unlock()
	var effects []Effect
	for f := range Families {
		was, is := p.judge(Family(f), before), p.judge(Family(f), after)
		e := Effect{
			Family: Family(f), MinUp: was.minUp, Before: len(was.eligible), After: len(is.eligible),
			NamesBefore: was.names(), NamesAfter: is.names(),
		}
		for _, c := range was.all {
			if omits(after, c.address.addr, p.Name) && !omits(before, c.address.addr, p.Name) {
				e.Omitted = append(e.Omitted, Omitted{c.address.addr, c.address.usage})
			}
		}
		if e.Before != e.After || e.NamesBefore != e.NamesAfter || len(e.Omitted) > 0 {
			effects = append(effects, e)
		}
	}
	return effects
}
