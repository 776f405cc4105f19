package pool

import "time"

// ReportLoad takes in what a member says of how busy it is, and until when that counts. It returns false when there is no such member.
func (p *Pool) ReportLoad(id string, load float64, until time.Time) (known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.member(id)
	if m == nil {
		return false
	}
	for _, a := range m.addresses {
		if a != nil {
			a.usage.load.Load().Report(load, until.Unix()+1)
		}
	}
	return true
}

// HasMember says whether the pool has a member of this id.
func (p *Pool) HasMember(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.member(id) != nil
}

// member returns a member by its id, nil when there is none. The caller holds p.mu.
func (p *Pool) member(id string) *member {
	for _, m := range p.members {
		if m.ID == id {
			return m
		}
	}
	return nil
}
