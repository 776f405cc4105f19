package pool

// SetStale notes whether the results of a slot are late, so that what is known of the member may be old; the next result ends that. It
// changes nothing of who is answered with, but answers tell of it. It returns whether the pool has to be rebuilt.
func (s *Slot) SetStale(stale bool) (changed bool) {
	s.Pool.mu.Lock()
	defer s.Pool.mu.Unlock()
	if s.gone || s.stale == stale {
		return false
	}
	a := s.address
	before := a.stale
	s.stale = stale
	a.look()
	return a.stale != before
}
