package pool

import (
	"net/netip"
	"slices"

	"example.org/healthlb/plugin/healthlb/block"
)

// candidate is an address on its way through the stages that decide who is answered with. Each stage is a pure function of its own that
// takes candidates and returns those that stay. Their order is that of DESIGN.md section 5: blocked, drained, lame, health (and with
// it standby), priority; then, for the client's region each, region and fade-in; then shard and policy, for each query.
type candidate struct {
	index   int // of the member in the pool
	member  *member
	address *address
	fade    float64 // how much of its share it has, above 0 and at most 1; see faded
}

// candidates returns all addresses of one family. The caller holds p.mu.
func (p *Pool) candidates(f Family) []candidate {
	cs := make([]candidate, 0, len(p.members))
	for i := range p.members {
		m := &p.members[i]
		if a := m.addresses[f]; a != nil {
			cs = append(cs, candidate{i, m, a, 1})
		}
	}
	return cs
}

// keep returns the candidates that ok says yes to. What it is given stays as it is, and is returned itself when all stay.
func keep(cs []candidate, ok func(candidate) bool) []candidate {
	first := slices.IndexFunc(cs, func(c candidate) bool { return !ok(c) })
	if first < 0 {
		return cs
	}
	kept := append(make([]candidate, 0, len(cs)-1), cs[:first]...)
	for _, c := range cs[first+1:] {
		if ok(c) {
			kept = append(kept, c)
		}
	}
	return kept
}

// verdict says who of one family is answered with, and how it came to that.
type verdict struct {
	all      []candidate // every address of the family
	allowed  []candidate // not forbidden by an operator
	willing  []candidate // of these, not lame
	able     []candidate // of these, up or suspect: eligible in the sense of DESIGN.md
	eligible []candidate // those that count for min_up: able, without the standbys while there are others
	minUp    int
	allDown  bool         // fewer than minUp are eligible
	named    []candidate  // those that answers choose from: the best tier of the eligible, or what all_down says
	fixed    []netip.Addr // the addresses of all_down addresses; named is empty then
}

// judge decides about one family. It changes nothing. The caller holds p.mu.
func (p *Pool) judge(f Family, blocks *block.Set) verdict { return p.judgeWithout(f, blocks, "") }

// judgeWithout is judge as if an operator had taken a member away; with an empty id, none.
func (p *Pool) judgeWithout(f Family, blocks *block.Set, id string) verdict {
	v := verdict{all: p.candidates(f)}
	v.minUp = p.MinUp.Of(len(v.all))
	v.allowed = unblocked(v.all, blocks, p.Name)
	if id != "" {
		v.allowed = keep(v.allowed, func(c candidate) bool { return c.member.ID != id })
	}
	v.willing = willing(v.allowed)
	v.able = healthy(v.willing)
	v.eligible = withoutStandbys(v.able)
	if v.allDown = len(v.all) > 0 && len(v.eligible) < v.minUp; !v.allDown {
		v.named = bestTier(v.eligible, v.all, p.MinUp)
		return v
	}
	switch p.AllDown.Mode {
	case AllDownAll:
		v.named = v.allowed
		if ducks := lame(v.allowed); len(v.able) == 0 && len(ducks) > 0 {
			v.named = ducks
		}
	case AllDownAddresses:
		for _, addr := range p.AllDown.Addresses {
			if familyOf(addr) == f && !omits(blocks, addr, p.Name) {
				v.fixed = append(v.fixed, addr)
			}
		}
	}
	return v
}

func familyOf(addr netip.Addr) Family {
	if addr.Is4() {
		return A
	}
	return AAAA
}

// names says whether an answer would name anyone.
func (v verdict) names() bool { return len(v.named)+len(v.fixed) > 0 }

// addresses returns those that answers choose from.
func (v verdict) addresses() []netip.Addr {
	addrs := make([]netip.Addr, 0, len(v.named)+len(v.fixed))
	for _, c := range v.named {
		addrs = append(addrs, c.address.addr)
	}
	return append(addrs, v.fixed...)
}
