package pool

// StandIn puts the pool in the place of a former one, whose end it is. Until its first Rebuild it answers as that one did: for the time
// in which nothing is known of its members.
func (p *Pool) StandIn(former *Pool) {
	former.mu.Lock()
	shown := former.shown
	former.retired = true
	former.mu.Unlock()

	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = shown
	p.snapshot.Store(former.snapshot.Load())
}
