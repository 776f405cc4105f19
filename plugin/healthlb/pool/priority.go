package pool

import (
	"slices"

	"example.org/healthlb/plugin/healthlb/policy"
)

// bestTier keeps the members of one tier: of the tiers of which at least min_up are eligible (with a percentage: of the tier's members)
// the best one, else the best of which anyone is. all is every member of the family.
func bestTier(eligible, all []candidate, minUp MinUp) []candidate {
	if len(eligible) == 0 {
		return eligible
	}
	best, tiers := eligible[0].member.tier, 1
	last := best // the worst tier that counts
	for _, c := range eligible {
		if c.member.tier != best {
			tiers = 2
		}
		best, last = min(best, c.member.tier), max(last, c.member.tier)
	}
	if tiers == 1 {
		return eligible
	}
	members, ready := make([]int, last+1), make([]int, last+1)
	for _, c := range all {
		if c.member.tier <= last {
			members[c.member.tier]++
		}
	}
	for _, c := range eligible {
		ready[c.member.tier]++
	}
	for tier, n := range ready {
		if n > 0 && n >= minUp.Of(members[tier]) {
			best = int32(tier)
			break
		}
	}
	return keep(eligible, func(c candidate) bool { return c.member.tier == best })
}

// rank returns what a member's tier is ordered by: its priority, 1 when none is said. With failover those without one come behind those
// with one, each in a tier of its own, in the order written.
func rank(p policy.Spec, index int, m *Member) int32 {
	switch {
	case m.Priority > 0:
		return int32(m.Priority)
	case p.Name == policy.Failover:
		return int32(maxPriority + 1 + index)
	default:
		return 1
	}
}

// maxPriority is the largest that a Corefile can say.
const maxPriority = 65535

// setTiers numbers the members' tiers from 0, the best.
func setTiers(p policy.Spec, members []*member) {
	ranks := make([]int32, len(members))
	for i, m := range members {
		ranks[i] = rank(p, i, m.Member)
	}
	distinct := slices.Clone(ranks)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	for i, m := range members {
		m.rank = ranks[i]
		tier, _ := slices.BinarySearch(distinct, ranks[i])
		m.tier = int32(tier)
	}
}
