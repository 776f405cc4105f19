package pool

import (
	"net/netip"
	"time"

	"example.org/healthlb/plugin/healthlb/block"
)

// Effect is what a change would do to one family.
type Effect struct {
	Family        Family
	MinUp         int  // after the change: a percentage is of fewer, when a member is gone
	Before, After int  // how many are eligible
	AllDownBefore bool // fewer than min_up were already
	NamesBefore   bool // an answer names someone
	NamesAfter    bool
	Omitted       []Omitted
}

// Omitted is an address that would newly be kept out by an order: blocked, drained, or gone with its member.
type Omitted struct {
	Addr  netip.Addr
	usage *usage
}

// SafeAfter returns when the last answer up to now that may have named the address has run out of caches.
func (o Omitted) SafeAfter() time.Time { return o.usage.safe() }

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

// Compare tells what the pool would lose or win if what is around were after instead of before, and the member of an id were gone; with an
// empty id, none. It tells of the families in which that is anything. To see what a drain does that is still to come, say that it is out.
func (p *Pool) Compare(before, after Around, id string, now time.Time) []Effect {
	p.mu.Lock()
	defer p.mu.Unlock()
	var effects []Effect
	for f := range Families {
		all := p.candidates(Family(f))
		left := all
		if id != "" {
			left = without(all, id)
		}
		was, is := p.judgeAmong(Family(f), all, before, "", now), p.judgeAmong(Family(f), left, after, "", now)
		e := Effect{
			Family: Family(f), MinUp: is.minUp, Before: len(was.eligible), After: len(is.eligible), AllDownBefore: was.allDown,
			NamesBefore: was.names(), NamesAfter: is.names(),
		}
		for _, c := range was.all {
			if is.order(c) > was.order(c) {
				e.Omitted = append(e.Omitted, Omitted{c.address.addr, c.address.usage})
			}
		}
		if e.Before != e.After || e.NamesBefore != e.NamesAfter || len(e.Omitted) > 0 {
			effects = append(effects, e)
		}
	}
	return effects
}

// order says by which order a candidate is kept out, the strongest of them; 0: none.
func (v verdict) order(c candidate) int {
	switch {
	case !has(v.all, c):
		return 3 // gone
	case !has(v.allowed, c):
		return 2 // blocked
	case !has(v.present, c):
		return 1 // drained
	default:
		return 0
	}
}

// CompareWithNothing tells what would change if the pool were gone.
func (p *Pool) CompareWithNothing(by Around, now time.Time) []Effect {
	p.mu.Lock()
	defer p.mu.Unlock()
	var effects []Effect
	for f := range Families {
		v := p.judge(Family(f), by, now)
		e := Effect{Family: Family(f), MinUp: v.minUp, Before: len(v.eligible), AllDownBefore: v.allDown, NamesBefore: v.names()}
		for _, c := range v.all {
			if v.chooses(c) {
				e.Omitted = append(e.Omitted, Omitted{c.address.addr, c.address.usage})
			}
		}
		if e.Before > 0 || e.NamesBefore {
			effects = append(effects, e)
		}
	}
	return effects
}
