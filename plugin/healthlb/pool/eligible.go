package pool

import (
	"net/netip"
	"slices"
	"time"
)

// candidate is an address on its way through the stages that decide who is answered with. Each stage is a pure function of its own that
// takes candidates and returns those that stay. Their order is that of DESIGN.md section 5: blocked, drained, lame, health (and with
// it excused and standby), priority; then, for the client's region each, region and fade-in; then shard and policy, for each query.
type candidate struct {
	index   int // of the member in the pool
	member  *member
	address *address
	fade    float64 // how much of its share it has, above 0 and at most 1; see faded
}

// candidates returns all addresses of one family. The caller holds p.mu.
func (p *Pool) candidates(f Family) []candidate {
	cs := make([]candidate, 0, len(p.members))
	for i, m := range p.members {
		if a := m.addresses[f]; a != nil {
			cs = append(cs, candidate{i, m, a, 1})
		}
	}
	return cs
}

// keep returns the candidates that ok says yes to. What it is given stays as it is, and is returned itself when all stay.
func keep(cs []candidate, ok func(candidate) bool) []candidate {
	first := 0
	for first < len(cs) && ok(cs[first]) {
		first++
	}
	if first == len(cs) {
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
	allowed  []candidate // not blocked
	present  []candidate // of these, not drained
	willing  []candidate // of these, not lame
	able     []candidate // of these, up or suspect, or counting as that: eligible in the sense of DESIGN.md
	eligible []candidate // those that count for min_up: able, without the standbys while there are others
	minUp    int
	pardons  bool         // fewer than minUp are eligible without the excused, who therefore count as able
	allDown  bool         // fewer than minUp are eligible
	named    []candidate  // those that answers choose from: the best tier of the eligible, or what all_down says
	fixed    []netip.Addr // the addresses of all_down addresses; named is empty then
}

// judge decides about one family. It changes nothing. The caller holds p.mu.
func (p *Pool) judge(f Family, by Around, now time.Time) verdict {
	return p.judgeAmong(f, p.candidates(f), by, "", now)
}

// judgeAmong is judge for the members in all, as if an operator had taken one of them away; with an empty id, none.
func (p *Pool) judgeAmong(f Family, all []candidate, by Around, id string, now time.Time) verdict {
	v := verdict{all: all, minUp: p.MinUp.Of(len(all))}
	v.allowed = unblocked(v.all, by.Blocks, p.Name)
	if id != "" {
		v.allowed = without(v.allowed, id)
	}
	v.present = undrained(v.allowed, by.Drains, now)
	v.willing = willing(v.present)
	v.able = healthy(v.willing, by.Frozen)
	v.eligible = withoutStandbys(v.able)
	if len(v.all) > 0 && len(v.eligible) < v.minUp {
		v.able, v.pardons = healthyOrExcused(v.willing, by.Frozen), true
		v.eligible = withoutStandbys(v.able)
	}
	if v.allDown = len(v.all) > 0 && len(v.eligible) < v.minUp; !v.allDown {
		v.named = bestTier(v.eligible, v.all, p.MinUp)
		return v
	}
	switch p.AllDown.Mode {
	case AllDownAll:
		v.named = lastResort(v)
	case AllDownAddresses:
		v.fixed = p.fixedAddresses(f, v, by)
	}
	return v
}

// without leaves out the member of an id.
func without(cs []candidate, id string) []candidate {
	return keep(cs, func(c candidate) bool { return c.member.ID != id })
}

// lastResort returns whom an all_down answer names: who is drained, only when no one else is left, and never who is blocked.
func lastResort(v verdict) []candidate {
	ducks := lame(v.present)
	switch {
	case len(v.able) == 0 && len(ducks) > 0:
		return ducks
	case len(v.present) > 0:
		return v.present
	default:
		return v.allowed
	}
}

// FamilyOf returns the family of an address.
func FamilyOf(addr netip.Addr) Family {
	if addr.Is4() {
		return A
	}
	return AAAA
}

// names says whether an answer would name anyone.
func (v verdict) names() bool { return len(v.named)+len(v.fixed) > 0 }

// chooses says whether answers choose among a candidate and others.
func (v verdict) chooses(c candidate) bool {
	return has(v.named, c) || slices.Contains(v.fixed, c.address.addr)
}

// addresses returns those that answers choose from.
func (v verdict) addresses() []netip.Addr {
	addrs := make([]netip.Addr, 0, len(v.named)+len(v.fixed))
	for _, c := range v.named {
		addrs = append(addrs, c.address.addr)
	}
	return append(addrs, v.fixed...)
}
