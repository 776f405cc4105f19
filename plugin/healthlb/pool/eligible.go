package pool

import (
	"net/netip"

	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/health"
)

// candidate is an address on its way through the stages that decide whether it may be answered with.
type candidate struct {
	index   int // of the member in the pool
	address *address
}

// stage takes the candidates it is given and returns those that stay. The stages run in the order of DESIGN.md section 5: blocked,
// drained, lame, health, priority, region, shard, fade-in; those that there are.
type stage func([]candidate) []candidate

// candidates returns all addresses of one family. The caller holds p.mu.
func (p *Pool) candidates(f Family) []candidate {
	cs := make([]candidate, 0, len(p.members))
	for i := range p.members {
		if a := p.members[i].addresses[f]; a != nil {
			cs = append(cs, candidate{i, a})
		}
	}
	return cs
}

// unblocked leaves out what an operator has blocked.
func unblocked(blocks *block.Set, pool string) stage {
	return func(cs []candidate) []candidate {
		if blocks.Len() == 0 {
			return cs
		}
		return keep(cs, func(c candidate) bool { return !omits(blocks, c.address.addr, pool) })
	}
}

func omits(blocks *block.Set, addr netip.Addr, pool string) bool {
	_, omitted := blocks.Omits(addr, pool)
	return omitted
}

// willing leaves out the lame.
func willing(cs []candidate) []candidate {
	return keep(cs, func(c candidate) bool { return c.address.state != health.Lame })
}

// healthy leaves out what fails its checks, or was not probed yet.
func healthy(cs []candidate) []candidate {
	return keep(cs, func(c candidate) bool { return c.address.state.Serving() })
}

// lame keeps the lame only.
func lame(cs []candidate) []candidate {
	return keep(cs, func(c candidate) bool { return c.address.state == health.Lame })
}

// keep returns the candidates that ok says yes to, in a slice of their own.
func keep(cs []candidate, ok func(candidate) bool) []candidate {
	kept := make([]candidate, 0, len(cs))
	for _, c := range cs {
		if ok(c) {
			kept = append(kept, c)
		}
	}
	return kept
}

// verdict says who of one family is answered with.
type verdict struct {
	all      []candidate // every address of the family
	eligible []candidate
	minUp    int
	allDown  bool         // fewer than minUp are eligible
	named    []candidate  // those that answers choose from: the eligible, or what all_down says; empty with all_down addresses
	fixed    []netip.Addr // the addresses of all_down addresses
}

// judge decides about one family. It changes nothing. The caller holds p.mu.
func (p *Pool) judge(f Family, blocks *block.Set) verdict {
	v := verdict{all: p.candidates(f)}
	allowed := unblocked(blocks, p.Name)(v.all)
	v.eligible = healthy(willing(allowed))
	v.minUp = p.MinUp.Of(len(v.all))
	v.named = v.eligible
	if v.allDown = len(v.all) > 0 && len(v.eligible) < v.minUp; !v.allDown {
		return v
	}
	v.named = nil
	switch p.AllDown.Mode {
	case AllDownAll:
		v.named = allowed
		if ducks := lame(allowed); len(v.eligible) == 0 && len(ducks) > 0 {
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
