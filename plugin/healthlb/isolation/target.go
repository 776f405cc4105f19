package isolation

import (
	"container/heap"
	"net/netip"
	"slices"
	"time"
)

// What is what a target probes, however: so a reload that changes an interval, or where probes come from, forgets nothing.
type What struct {
	To    netip.AddrPort
	Check string // its name
}

// standing is how a target stands by its results.
type standing uint8

const (
	unseen  standing = iota // no result yet
	passing                 // the last one passed
	fresh                   // it began to fail a short while ago, or while isolated
	down                    // it began to fail long ago, or has never passed
)

// Target is something that is probed, as the guard knows it. Its methods do nothing for a nil Target. All fields are guarded by guard.mu.
type Target struct {
	guard   *Guard
	what    What
	window  time.Duration
	network *group
	pools   []membership // nearly always one; none: nobody wants it any more

	since    time.Time // when the first of its failures began; only when fresh
	index    int32     // in guard.fresh
	asked    int32     // the last time of isolation for which it was asked whether it had been up
	counted  bool      // then it had
	standing standing
}

// membership is that some slots of a pool want a target's results.
type membership struct {
	pool  *group
	slots int
}

// Add has a target guarded for a slot of a pool. window is how long it counts as one that was up after it began to fail: the longest wait
// between two of its probes, and the timeout. By then all that fail for the same reason have failed.
func (g *Guard) Add(what What, window time.Duration, pool string) *Target {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.targets[what]
	if t == nil {
		t = &Target{guard: g, what: what, asked: int32(g.state.Episode), network: enter(g.networks, networkOf(what.To.Addr()))}
		g.targets[what] = t
	}
	if t.window = window; t.standing == fresh {
		heap.Fix(&g.fresh, int(t.index))
	}
	t.join(pool)
	return t
}

func (t *Target) join(pool string) {
	p := enter(t.guard.pools, pool)
	for i := range t.pools {
		if t.pools[i].pool == p {
			t.pools[i].slots++
			return
		}
	}
	t.pools = append(t.pools, membership{p, 1})
	if t.standing == fresh {
		p.fresh++
	}
}

// Leave undoes Add. A target that no slot wants any more is guarded no more.
func (t *Target) Leave(pool string, now time.Time) {
	if t == nil {
		return
	}
	g := t.guard
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.IndexFunc(t.pools, func(m membership) bool { return m.pool == g.pools[pool] })
	if i < 0 {
		return
	}
	leave(g.pools, pool)
	if t.pools[i].slots--; t.pools[i].slots > 0 {
		return
	}
	if len(t.pools) == 1 {
		g.remove(t, now)
	} else if t.standing == fresh {
		t.pools[i].pool.fresh--
	}
	t.pools = slices.Delete(t.pools, i, i+1)
}

func (g *Guard) remove(t *Target, now time.Time) {
	if g.inCohort(t) {
		g.cohort--
		if t.standing == fresh {
			g.failing--
		}
	}
	g.set(t, unseen)
	leave(g.networks, networkOf(t.what.To.Addr()))
	delete(g.targets, t.what)
	if g.state.Isolated && g.cohort == 0 {
		g.end(now)
	}
}

// until is when a fresh failure is no longer fresh.
func (t *Target) until() time.Time { return t.since.Add(t.window) }
