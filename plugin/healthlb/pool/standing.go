package pool

import (
	"time"

	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/health"
)

// Standing is how a member stands with answers.
type Standing struct {
	Served bool          // some address of it is eligible
	Why    string        // it is not served; empty when it is
	Blocks []block.Entry // the orders that forbid its addresses
}

// Standing tells how a member stands. It is cheap, whatever the size of the pool: no other member is looked at but for its id.
func (p *Pool) Standing(id string, by Around, now time.Time) (s Standing, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.member(id)
	if m == nil {
		return s, false
	}
	snapshot := p.snapshot.Load()
	for f, a := range m.addresses {
		if a == nil {
			continue
		}
		e, omitted := by.Blocks.Omits(a.addr, p.Name)
		if omitted {
			s.Blocks = append(s.Blocks, e)
		}
		switch d, drained := by.Drains[id]; {
		case omitted:
			s.Why = "blocked: " + e.String()
		case drained && d.inForce(now):
			s.Why = d.text(now)
		case a.able(by.Frozen), a.excused && snapshot != nil && snapshot.families[f].pardons:
			s.Served = true
		case s.Why == "":
			s.Why = a.state.String()
			if a.state == health.Unknown {
				s.Why = "it waits for its first pass"
			} else if a.reason() != "" {
				s.Why += ": " + a.reason()
			}
		}
	}
	if s.Served {
		s.Why = ""
	}
	return s, true
}
