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
	SafeAfter   time.Time
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
		Answered: a.usage.lastAnswer(), SafeAfter: a.usage.safe(),
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
