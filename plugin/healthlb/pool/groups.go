package pool

import "example.org/healthlb/plugin/healthlb/policy"

// groupKey says which members a policy was told of: those of one tier, or of one tier and region. What a policy makes of its members,
// rings for instance, is made when they change, and not when their health does.
type groupKey struct {
	rank   int
	region string // empty: of any, or none
}

// groups holds the policies of a pool.
type groups map[groupKey]policy.Policy

// newGroups makes the policies of a pool's members, and tells each member its index in them. Those of before that have the same members
// are taken over.
func newGroups(s *Spec, members []member, before groups) groups {
	told := make(map[groupKey][]policy.Member)
	for i := range members {
		m := &members[i]
		m.inTier = int32(len(told[m.tierKey()]))
		told[m.tierKey()] = append(told[m.tierKey()], policy.Member{ID: m.ID, Weight: m.Weight})
		if s.Prefer.Region && m.Region != "" {
			m.inRegion = int32(len(told[m.regionKey()]))
			told[m.regionKey()] = append(told[m.regionKey()], policy.Member{ID: m.ID, Weight: m.Weight})
		}
	}
	gs := make(groups, len(told))
	for key, ms := range told {
		p := before.take(key, s.Policy)
		p.Members(ms)
		gs[key] = p
	}
	return gs
}

func (gs groups) take(key groupKey, s policy.Spec) policy.Policy {
	if p := gs[key]; p != nil {
		return p.Clone()
	}
	p, err := policy.New(s)
	if err != nil { // New has looked
		panic(err)
	}
	return p
}

func (m *member) tierKey() groupKey { return groupKey{rank: m.rank} }

func (m *member) regionKey() groupKey { return groupKey{m.rank, m.Region} }

// candidatesOf returns what the policy of a group is told of candidates, all of which are in it.
func candidatesOf(key groupKey, cs []candidate) []policy.Candidate {
	told := make([]policy.Candidate, len(cs))
	for i, c := range cs {
		told[i] = policy.Candidate{Member: c.member.inTier, Fade: c.fade, Load: c.address.usage.load.Load()}
		if key.region != "" {
			told[i].Member = c.member.inRegion
		}
	}
	return told
}
