package pool

import (
	"math"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// maxWeight is the largest that a member may have.
const maxWeight = 65535

// percentAfter returns how much of its weight the member asks for after this result, when before was it up to now. Only an answer of the
// member itself can say that it asks for nothing any more: one that cannot be reached for a moment is not to be given its whole weight.
func (o Observation) percentAfter(before int) int {
	switch answered := o.Outcome == health.Pass || o.Outcome == health.LameDuck; {
	case o.Percent > 0, o.Percent == 0 && o.Outcome == health.LameDuck:
		return o.Percent
	case answered:
		return -1
	default:
		return before
	}
}

// percent returns how much of its weight is asked for at an address: the smallest that a check was told; -1: none was.
func (a *address) percent() int {
	smallest := -1
	for i := range a.slots {
		if p := a.slots[i].last.Percent; p >= 0 && (smallest < 0 || p < smallest) {
			smallest = p
		}
	}
	return smallest
}

// weigh sets the weight that policies are told: the member's own, in the percentage that it asks for in both families, or the smaller one
// where they differ, so that A and AAAA agree. None at all does not count here: who asks for that is lame. It returns whether the weight
// changes.
//
// unit is what a weight of 1 counts for: in pools whose members may ask for a percentage of it, a small weight must be divisible, too.
func (m *member) weigh(unit int) (changed bool) {
	percent := -1
	for _, a := range m.addresses {
		if a == nil {
			continue
		}
		if p := a.percent(); p > 0 && (percent < 0 || p < percent) {
			percent = p
		}
	}
	before := m.weight
	if m.weight = int32(m.Weight * unit); m.Weight > 0 && percent > 0 {
		m.weight = int32(min(max(1, math.Round(float64(m.Weight*unit)*float64(percent)/100)), maxWeight))
	}
	return m.weight != before
}

// unitOf returns what a weight of 1 counts for among members: 100 where a check may ask for a percentage of it, unless the largest of the
// weights leaves less room.
func unitOf(s *Spec, members []Member) int {
	if !s.Percents {
		return 1
	}
	unit := 100
	for i := range members {
		unit = min(unit, maxWeight/max(1, members[i].Weight))
	}
	return unit
}

// reweighed weighs a member anew, and says whether that changes what the policy does: then the groups are made anew with a snapshot that
// follows. The caller holds p.mu.
func (p *Pool) reweighed(m *member) bool {
	if !m.weigh(p.unit) || !p.Policy.Weighs() {
		return false
	}
	p.reweigh = true
	return true
}

// ringRest is how long after a change of weights the next one waits, for each member of a pool that has rings: ten times what making a
// ring anew takes, 14 us a member. So members whose weights never stand still cost a tenth of a core at most.
const ringRest = 140 * time.Microsecond

// reweighAt makes the groups anew as weights have changed, if it is time. It returns whether it is not yet. The caller holds p.mu.
func (p *Pool) reweighAt(now time.Time) (waits bool) {
	if now.Before(p.rings) {
		return true
	}
	p.regroup()
	if p.Policy.Name == "hash" || p.Policy.Shard > 0 {
		p.rings = now.Add(time.Duration(len(p.members)) * ringRest)
	}
	return false
}

// regroup makes the groups of the members that there are. The caller holds p.mu.
func (p *Pool) regroup() {
	p.groups = newGroups(p.Spec, p.members, p.groups)
	p.reweigh = false
}
