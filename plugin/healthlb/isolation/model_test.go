package isolation

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model does what Guard does without a thought for cost: it looks at everything each time, and keeps no counters.
type model struct {
	rule    Rule
	targets []*modelTarget
	state   State
}

type modelTarget struct {
	real   *Target
	what   What
	window time.Duration
	pools  map[string]int

	known  bool
	failed bool
	since  time.Time // when it began to fail; zero: it has not, or it is no news
	cohort bool
}

func (m *model) exceeds(n, of int) bool { return float64(n) > m.rule.Share*float64(of)+1e-9 }

func (t *modelTarget) fresh(now time.Time) bool {
	return t.failed && !t.since.IsZero() && now.Sub(t.since) <= t.window
}

// expire has what is not fresh at a moment never be so again, even if its window grows.
func (m *model) expire(now time.Time) {
	for _, t := range m.targets {
		if !m.state.Isolated && !t.fresh(now) {
			t.since = time.Time{}
		}
	}
}

// up returns the targets that were up, and those of them that fail.
func (m *model) up(now time.Time) (up, fresh []*modelTarget) {
	for _, t := range m.targets {
		if t.fresh(now) {
			fresh = append(fresh, t)
		}
		if t.known && !t.failed || t.fresh(now) {
			up = append(up, t)
		}
	}
	return up, fresh
}

func spreadOver(fresh []*modelTarget) (pools map[string]int, networks map[netip.Prefix]int, spread bool) {
	pools, networks = make(map[string]int), make(map[netip.Prefix]int)
	for _, t := range fresh {
		networks[networkOf(t.what.To.Addr())]++
		for p := range t.pools {
			pools[p]++
		}
	}
	holdsAll := func(n int) bool { return n == len(fresh) }
	spread = !slices.ContainsFunc(slices.Collect(maps.Values(networks)), holdsAll) || !slices.ContainsFunc(slices.Collect(maps.Values(pools)), holdsAll)
	return pools, networks, spread
}

func (m *model) doubts(now time.Time) bool {
	m.expire(now)
	up, fresh := m.up(now)
	_, _, spread := spreadOver(fresh)
	return m.rule.Witnesses && !m.state.Isolated && len(fresh) >= 2 && m.exceeds(len(fresh), len(up)) && !spread
}

// lookForEnd ends isolation; with onlyEmpty, only when nobody is left who was up.
func (m *model) lookForEnd(now time.Time, onlyEmpty bool) {
	n, failing := 0, 0
	for _, t := range m.targets {
		if t.cohort {
			n++
			if t.failed {
				failing++
			}
		}
	}
	if !m.state.Isolated || m.exceeds(failing, n) || onlyEmpty && n > 0 {
		return
	}
	m.state.Isolated, m.state.Ended, m.state.Failing, m.state.Of = false, now, failing, n
	for _, t := range m.targets {
		t.cohort, t.since = false, time.Time{}
	}
}

func (m *model) lookForBegin(now time.Time, witnessesFailed bool) {
	up, fresh := m.up(now)
	pools, networks, spread := spreadOver(fresh)
	if m.state.Isolated || len(fresh) < 2 || !m.exceeds(len(fresh), len(up)) || !spread && !witnessesFailed {
		return
	}
	m.state = State{
		Episode: m.state.Episode + 1, Isolated: true, Since: now, Begun: now, Failed: len(fresh), Up: len(up), Pools: len(pools), Networks: len(networks),
		ByWitnesses: witnessesFailed,
	}
	for _, t := range up {
		t.cohort = true
	}
	for _, t := range fresh {
		if t.since.Before(m.state.Since) {
			m.state.Since = t.since
		}
	}
}

func (m *model) result(t *modelTarget, failed bool, began, now time.Time) (withhold bool) {
	before, passed := t.known, !t.failed
	t.known, t.failed = true, failed
	switch {
	case failed && before && passed:
		t.since = began
		fallthrough
	case failed:
		m.lookForBegin(now, false)
	case !passed || !before:
		m.lookForEnd(now, false)
	}
	return failed && m.state.Isolated && before
}

// TestGuardIsTheModel has anything happen to a guard and to the model of it.
func TestGuardIsTheModel(t *testing.T) {
	t.Parallel()
	addrs := []string{"192.0.2.1", "192.0.2.2", "192.0.3.1", "2001:db8::1", "2001:db8::2", "2001:db8:1::1"}
	names := []string{"a", "b", "c"}
	episodes := 0
	rapid.Check(t, func(t *rapid.T) {
		rule := func() Rule {
			return Rule{
				Share:     float64(rapid.SampledFrom([]int{1, 29, 50, 60, 99}).Draw(t, "share")) / 100,
				Witnesses: rapid.Bool().Draw(t, "witnesses"),
			}
		}
		now := moment
		m := &model{rule: rule()}
		g := New(m.rule, func() {})
		some := func() *modelTarget { return rapid.SampledFrom(m.targets).Draw(t, "target") }
		add := func() {
			what := whatOf(rapid.SampledFrom(addrs).Draw(t, "addr"))
			p := rapid.SampledFrom(names).Draw(t, "pool")
			i := slices.IndexFunc(m.targets, func(mt *modelTarget) bool { return mt.what == what })
			if i < 0 {
				i = len(m.targets)
				m.targets = append(m.targets, &modelTarget{what: what, pools: map[string]int{}})
			}
			mt := m.targets[i]
			mt.window = time.Duration(rapid.IntRange(1, 10).Draw(t, "window")) * time.Second
			mt.pools[p]++
			mt.real = g.Add(what, mt.window, p)
		}
		for range rapid.IntRange(1, 8).Draw(t, "targets") {
			add()
		}
		for range rapid.IntRange(0, 120).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1200).Draw(t, "ms")) * time.Millisecond)
			what := rapid.IntRange(0, 19).Draw(t, "what")
			switch {
			case what == 0:
				m.rule = rule()
				g.Configure(m.rule, now)
				m.lookForEnd(now, false)
				m.lookForBegin(now, false)
			case what == 1:
				add()
			case what == 2 && len(m.targets) > 1:
				mt := some()
				p := rapid.SampledFrom(slices.Sorted(maps.Keys(mt.pools))).Draw(t, "pool")
				mt.real.Leave(p, now)
				if mt.pools[p]--; mt.pools[p] == 0 {
					delete(mt.pools, p)
				}
				if len(mt.pools) == 0 {
					m.targets = slices.DeleteFunc(m.targets, func(o *modelTarget) bool { return o == mt })
				}
				m.lookForEnd(now, true)
			case what == 3:
				if m.doubts(now) {
					m.lookForBegin(now, true)
				}
				g.WitnessesFailed(now)
			default:
				mt, failed := some(), rapid.IntRange(0, 2).Draw(t, "outcome") > 0
				began := now.Add(-time.Duration(rapid.IntRange(0, 2000).Draw(t, "took")) * time.Millisecond)
				if got, want := mt.real.Result(failed, began, now), m.result(mt, failed, began, now); got != want {
					t.Fatalf("failed %t: withheld %t, want %t", failed, got, want)
				}
			}
			if got := g.State(); got != m.state {
				t.Fatalf("at %s:\ngot  %+v\nwant %+v", now.Sub(moment), got, m.state)
			}
			if got, want := g.Doubts(now), m.doubts(now); got != want {
				t.Fatalf("doubts %t, want %t", got, want)
			}
		}
		episodes += m.state.Episode
		for _, mt := range m.targets {
			for p, n := range mt.pools {
				for range n {
					mt.real.Leave(p, now)
				}
			}
		}
		if n := len(g.targets) + len(g.pools) + len(g.networks) + len(g.fresh) + g.passing; n != 0 || g.State().Isolated {
			t.Fatalf("left: %d targets, %d pools, %d networks, %d fresh failures, %d passing", len(g.targets), len(g.pools), len(g.networks), len(g.fresh), g.passing)
		}
	})
	if episodes == 0 {
		t.Error("it was never isolated: the test shows nothing")
	}
}
