package pool

import "time"

// ReportLoad takes in what a member says of how busy it is, and until when that counts. It returns false when there is no such member.
func (p *Pool) ReportLoad(id string, load float64, until time.Time) (known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.members {
		if p.members[i].ID != id {
			continue
		}
		known = true
		for _, a := range p.members[i].addresses {
			if a != nil {
				a.usage.load.Load().Report(load, until.Unix()+1)
			}
		}
	}
	return known
}
