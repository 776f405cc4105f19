package pool

import (
	"net/netip"
	"time"

	"example.org/healthlb/plugin/healthlb/block"
)

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
