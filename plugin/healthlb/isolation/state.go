package isolation

import "time"

// State is what became of the responder's isolation, the last time that there was one.
type State struct {
	Episode  int  // how many times it has been isolated; 0: never, and nothing else holds
	Isolated bool // it is now

	Since       time.Time // when the first of the failures began
	Begun       time.Time // when that was noticed
	Failed      int       // targets: the fresh failures, then
	Up          int       // of so many that were up
	Pools       int       // how many pools the failures were in
	Networks    int       // and how many networks
	ByWitnesses bool      // it was the witnesses that decided

	Ended   time.Time // only when it is over
	Failing int       // of those that were up, how many failed then, by their latest results
	Of      int       // of so many, without those that have been taken out since
}

// State returns what it is now.
func (g *Guard) State() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state
}

// begin notes that the responder is isolated. It looks at every fresh failure, which is no loss, as it comes once.
func (g *Guard) begin(now time.Time, byWitnesses bool) {
	g.cohort, g.failing = g.passing+len(g.fresh), len(g.fresh)
	g.state = State{
		Episode: g.state.Episode + 1, Isolated: true, Since: now, Begun: now, Failed: g.failing, Up: g.cohort,
		Pools: hit(g.pools), Networks: hit(g.networks), ByWitnesses: byWitnesses,
	}
	for _, t := range g.fresh {
		if t.since.Before(g.state.Since) {
			g.state.Since = t.since
		}
	}
	g.wake()
}

// end notes that it is isolated no more. What fails still is no news: only what fails from now on can make it isolated again.
func (g *Guard) end(now time.Time) {
	g.state.Isolated, g.state.Ended, g.state.Failing, g.state.Of = false, now, g.failing, g.cohort
	for _, t := range g.fresh {
		t.standing = down
		t.countFresh(-1)
	}
	g.fresh = nil
	g.wake()
}

// inCohort says whether a target was up when the isolation of now began. While that lasts, a target has to be asked before its standing
// changes: until then it stands as it did.
func (g *Guard) inCohort(t *Target) bool {
	if !g.state.Isolated {
		return false
	}
	if t.asked != int32(g.state.Episode) {
		t.asked, t.counted = int32(g.state.Episode), t.standing == passing || t.standing == fresh
	}
	return t.counted
}
