// Package isolation tells members that fail from a responder that is cut off: when most of the targets that were up fail at once, although
// they have nothing in common but the responder, it is the responder that has no network. It is pure: no I/O and no clock of its own.
package isolation

import (
	"container/heap"
	"math"
	"net/netip"
	"sync"
	"time"
)

// Rule says when the responder takes itself to be cut off.
type Rule struct {
	Share     float64 // of all targets that were up: when more than this fail at once; above 0 and below 1
	Witnesses bool    // there are witnesses that can be asked, see Guard.Doubts
}

// fewest is how many targets must have failed at least. One that fails is one that fails.
const fewest = 2

// Guard watches the results of all targets. It is safe for concurrent use.
//
// A target was up when its last result passed, or when it began to fail no longer ago than its window, see Add. One of those that fail now
// is a fresh failure. The responder is isolated when at least two targets, and more than Rule.Share of all that were up, are fresh
// failures, and when these are not all in one pool and one network; or, where they are, when all witnesses fail too. It is so since the
// first of these failures began, and until probes pass again: until, of the targets that were up, no more than Rule.Share fail by their
// latest results. Only results make it begin or end, not the coming and going of targets, unless the last one goes that was up.
type Guard struct {
	wake func() // see New

	mu        sync.Mutex // guards what follows, and the targets' fields; held for one result at a time
	share     int        // in ten-thousandths: floats would make 29 of 100 more than 29%
	witnesses bool
	targets   map[What]*Target
	pools     map[string]*group
	networks  map[netip.Prefix]*group
	passing   int       // how many targets passed last
	fresh     freshHeap // the fresh failures; while isolated: all that were up at any time of it and fail now
	state     State     // of the last time that it was isolated
	cohort    int       // how many targets were up when that began
	failing   int       // of these, how many fail now; counted while isolated
}

// New returns a guard without targets. wake is called when State has changed, or when Doubts may have become true; it must return at
// once, and must not call the guard.
func New(r Rule, wake func()) *Guard {
	g := &Guard{wake: wake, targets: make(map[What]*Target), pools: make(map[string]*group), networks: make(map[netip.Prefix]*group)}
	g.setRule(r)
	return g
}

// Configure gives the guard another rule.
func (g *Guard) Configure(r Rule, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.setRule(r)
	g.lookForEnd(now)
	g.lookForBegin(now)
}

func (g *Guard) setRule(r Rule) {
	g.share, g.witnesses = int(math.Round(r.Share*10_000)), r.Witnesses
}

// Result takes in whether a target's probe failed; results that say nothing about the member are not told. began is when the probe did. It
// returns whether the result is to be withheld from the pools: only what failed is, and never the first that is known of a target. A nil
// Target is one that nobody guards.
func (t *Target) Result(failed bool, began, now time.Time) (withhold bool) {
	if t == nil {
		return false
	}
	g := t.guard
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case len(t.pools) == 0:
		return false // the probe outlived the wish for it
	case !failed:
		if t.standing != passing {
			g.passed(t)
			g.lookForEnd(now)
		}
		return false
	default:
		unseen := t.standing == unseen
		g.failed(t, began)
		g.lookForBegin(now)
		return g.state.Isolated && !unseen
	}
}

// passed notes that a target has passed that did not pass before.
func (g *Guard) passed(t *Target) {
	if g.inCohort(t) && t.standing == fresh {
		g.failing--
	}
	g.set(t, passing)
}

// failed notes that a target has failed.
func (g *Guard) failed(t *Target, began time.Time) {
	switch t.standing {
	case passing:
		if g.inCohort(t) {
			g.failing++
		}
		t.since = began
		g.set(t, fresh)
	case unseen:
		g.inCohort(t)
		g.set(t, down)
	}
}

// set moves a target from one standing to another.
func (g *Guard) set(t *Target, to standing) {
	switch t.standing {
	case passing:
		g.passing--
	case fresh:
		heap.Remove(&g.fresh, int(t.index))
		t.countFresh(-1)
	}
	t.standing = to
	switch to {
	case passing:
		g.passing++
	case fresh:
		heap.Push(&g.fresh, t)
		t.countFresh(+1)
	}
}

// expire ends what has failed for too long to be fresh. While isolated nothing ends: who was up stays who was up.
func (g *Guard) expire(now time.Time) {
	for !g.state.Isolated && len(g.fresh) > 0 && g.fresh[0].until().Before(now) {
		g.set(g.fresh[0], down)
	}
}

// lookForBegin decides whether isolation begins, or whether the witnesses have to be asked.
func (g *Guard) lookForBegin(now time.Time) {
	switch g.expire(now); {
	case g.state.Isolated || !g.many():
	case g.spread():
		g.begin(now, false)
	case g.witnesses:
		g.wake()
	}
}

// lookForEnd decides whether it ends.
func (g *Guard) lookForEnd(now time.Time) {
	if g.state.Isolated && !g.exceeds(g.failing, g.cohort) {
		g.end(now)
	}
}

// exceeds says whether n of so many targets are more than the share.
func (g *Guard) exceeds(n, of int) bool { return n*10_000 > of*g.share }

// many says whether enough of those that were up fail.
func (g *Guard) many() bool {
	return len(g.fresh) >= fewest && g.exceeds(len(g.fresh), len(g.fresh)+g.passing)
}

// Doubts says whether it is for the witnesses to decide now: enough fails, but all of it in one pool and one network.
func (g *Guard) Doubts(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.doubts(now)
}

func (g *Guard) doubts(now time.Time) bool {
	g.expire(now)
	return g.witnesses && !g.state.Isolated && g.many() && !g.spread()
}

// WitnessesFailed tells the guard that all witnesses fail. That counts while it has doubts.
func (g *Guard) WitnessesFailed(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.doubts(now) {
		g.begin(now, true)
	}
}
