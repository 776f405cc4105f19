package healthlb

import (
	"fmt"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/pool"
)

// omittedAddress is an address that a change keeps out of a pool's answers.
type omittedAddress struct {
	pool.Omitted
	pool string
}

// effect tells what would follow if the block list were after instead of before. It changes nothing.
func (h *hub) effect(before, after *block.Set) (api.Effect, []omittedAddress) {
	diff := block.Diff(before, after)
	e := api.Effect{
		Changed: len(diff) > 0, ETag: etag(after), Pools: []api.FamilyEffect{},
	}
	var omitted []omittedAddress
	touched := omitting(diff)
	for _, p := range h.pools() {
		if !p.Touched(touched) {
			continue
		}
		for _, c := range p.Compare(before, after) {
			e.Pools = append(e.Pools, api.FamilyEffect{
				Pool: p.Name, Family: c.Family.String(), MinUp: c.MinUp,
				EligibleBefore: c.Before, EligibleAfter: c.After, Refused: refusal(c),
			})
			for _, o := range c.Omitted {
				omitted = append(omitted, omittedAddress{o, p.Name})
			}
		}
	}
	return e, omitted
}

// addressEffects tells when each address has run out of caches, as far as answers are known up to now.
func addressEffects(omitted []omittedAddress) []api.AddressEffect {
	effects := make([]api.AddressEffect, len(omitted))
	for i, o := range omitted {
		effects[i] = api.AddressEffect{Pool: o.pool, Address: o.Addr.String(), SafeAfter: o.SafeAfter()}
	}
	return effects
}

// refusal says why a change needs force: it takes a family from enough members to too few, or from naming someone to naming no one.
// What was bad before does not refuse a change.
func refusal(c pool.Effect) string {
	switch {
	case c.Before >= c.MinUp && c.After < c.MinUp:
		return fmt.Sprintf("%d would be eligible, and min_up is %d", c.After, c.MinUp)
	case c.NamesBefore && !c.NamesAfter:
		return "answers would name no one"
	default:
		return ""
	}
}

func refused(e api.Effect) bool {
	for _, p := range e.Pools {
		if p.Refused != "" {
			return true
		}
	}
	return false
}
