package pool

import (
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// An address is excused that is down for nothing but a hold-down, or certificates that have run out: it would be served if neither
// counted. Expiry has to be the reason by the pool's own thresholds: what the checks would say if excused failures were passes.

// excuse keeps up what a slot's record would be if failures that are excused were passes. It is called before the record is.
func (s *Slot) excuse(o Observation, t health.Thresholds) {
	excused := o.Excused && o.Outcome == health.Fail
	if s.lenient == nil && !excused {
		return
	}
	before, outcome := s.record, o.Outcome
	if s.lenient != nil {
		before = *s.lenient
	}
	if excused {
		outcome = health.Pass
	}
	switch next := before.Next(outcome, t); {
	case next == s.record.Next(o.Outcome, t):
		s.lenient = nil
	case s.lenient == nil || next != before:
		s.lenient = &next
	}
}

func (a *address) isExcused() bool {
	if a.state != health.Down {
		return false
	}
	for i := range a.slots {
		s := &a.slots[i]
		if state := s.record.State; !state.Serving() && (s.lenient == nil || !s.lenient.State.Serving()) {
			return false
		}
	}
	return true
}

// healthyOrExcused keeps the excused beside those whom healthy does: for when too few are left without them, so that neither a hold-down
// nor expiry alone takes out the last who are eligible.
func healthyOrExcused(cs []candidate, frozen time.Time) []candidate {
	return keep(cs, func(c candidate) bool { return c.address.able(frozen) || c.address.excused })
}
