package pool

import (
	"slices"
	"time"
)

// SafeAfter tells when the last answer that may have named a member, in either family, has run out of caches, as far as answers are known
// up to now, and whether answers still choose among it and others: then that moment may move on. known is false when there is no such
// member. It is cheap: nothing is judged anew, it looks at what queries are answered from.
func (p *Pool) SafeAfter(id string) (at time.Time, named, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.member(id)
	if m == nil {
		return at, false, false
	}
	s := p.snapshot.Load()
	for f, a := range m.addresses {
		if a == nil {
			continue
		}
		if s != nil {
			named = named || s.families[f].names(a.usage.notes)
		}
		if safe := a.usage.safe(); safe.After(at) {
			at = safe
		}
	}
	return at, named, true
}

// names says whether an answer may name the address of these notes. Regions choose among those that everyone does.
func (a *answers) names(n *notes) bool {
	return a.everyone != nil && slices.Contains(a.everyone.named, n)
}
