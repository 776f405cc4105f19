package pool

import "example.org/healthlb/plugin/healthlb/policy"

// group is the members that a policy is told of together: those of one tier, or of one tier and region. What a policy makes of its
// members, rings for instance, is made when they change, and not when their health does.
type group struct {
	groupKey
	policy policy.Policy
}

type groupKey struct {
	rank   int32
	region string // empty: of any, or none
}

// newGroups makes the groups of a pool's members, and tells each member its place in them. The policies of before are taken over.
func newGroups(s *Spec, members []*member, before []group) []group {
	var groups []group
	var told [][]policy.Member
	number := make(map[groupKey]int32)
	join := func(key groupKey, m *member) seat {
		g, known := number[key]
		if !known {
			g = int32(len(groups))
			number[key] = g
			groups, told = append(groups, group{groupKey: key}), append(told, nil)
		}
		told[g] = append(told[g], policy.Member{ID: m.ID, Weight: int(m.weight)})
		return seat{g, int32(len(told[g]) - 1)}
	}
	for _, m := range members {
		m.inTier = join(groupKey{rank: m.rank}, m)
		if s.Prefer.Region && m.Region != "" {
			m.inRegion = join(groupKey{m.rank, m.Region}, m)
		}
	}
	for _, b := range before {
		if g, stays := number[b.groupKey]; stays {
			groups[g].policy = b.policy.Clone()
		}
	}
	for i := range groups {
		g := &groups[i]
		if g.policy == nil {
			g.policy = policyOf(s.Policy)
		}
		g.policy.Members(told[i])
	}
	return groups
}

func policyOf(s policy.Spec) policy.Policy {
	p, err := policy.New(s)
	if err != nil { // New has looked
		panic(err)
	}
	return p
}

// seat is a member's place in a group: the group's number, and the member's index in it.
type seat struct{ group, index int32 }

// seat returns a candidate's place in the group of its tier, or in that of its tier and region.
func (c candidate) seat(regional bool) seat {
	if regional {
		return c.member.inRegion
	}
	return c.member.inTier
}

// told returns what the policy of a group is told of candidates, all of which are in it.
func told(cs []candidate, regional bool) []policy.Candidate {
	told := make([]policy.Candidate, len(cs))
	for i, c := range cs {
		told[i] = policy.Candidate{Member: c.seat(regional).index, Fade: c.fade, Load: c.address.usage.load.Load()}
	}
	return told
}
