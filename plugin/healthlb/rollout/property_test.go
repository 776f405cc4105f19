package rollout

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// chaos is a lab in which anything happens. It keeps what must hold from call to call.
type chaos struct {
	*lab
	t       *rapid.T
	started map[string]time.Time // when commands began
	new     int                  // members that came later
}

// TestWhateverHappens drives a rollout through what pools, clients, operators and restarts do. What Next itself must keep to is looked
// at in each lab.tick.
func TestWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := []string{"eu/a", "eu/b", "eu/c", "eu/d", "eu/e", "us/f"}[:rapid.IntRange(2, 6).Draw(t, "members")]
		spec := Spec{
			Region:      rapid.SampledFrom([]string{"", "eu"}).Draw(t, "region"),
			Canary:      rapid.IntRange(0, 3).Draw(t, "canary"),
			Parallel:    rapid.IntRange(0, 3).Draw(t, "parallel"),
			MaxFailures: rapid.IntRange(0, 3).Draw(t, "max failures"),
			Timeout:     rapid.SampledFrom([]time.Duration{0, time.Minute, 5 * time.Minute}).Draw(t, "timeout"),
		}
		c := &chaos{lab: newLab(t, spec, ids...), t: t, started: map[string]time.Time{}}
		for range rapid.IntRange(0, 150).Draw(t, "steps") {
			c.happen()
			c.audit()
		}
		c.silent()
	})
}

// happen lets one thing happen. Good things are likelier, so that rollouts get somewhere.
func (c *chaos) happen() {
	anybody := func() string {
		ids := slices.Sorted(maps.Keys(c.servers))
		for _, m := range c.r.Members {
			ids = append(ids, m.ID)
		}
		return rapid.SampledFrom(ids).Draw(c.t, "who")
	}
	ever := func(f func(*server)) {
		if s := c.servers[anybody()]; s != nil {
			f(s)
		}
	}
	switch what := rapid.IntRange(0, 39).Draw(c.t, "what"); what {
	case 0:
		_ = c.trySteer(Rollout.Pause)
	case 1, 2:
		_ = c.trySteer(Rollout.Resume)
	case 3:
		if rapid.IntRange(0, 3).Draw(c.t, "really") == 0 {
			c.steer(Rollout.Cancel)
		}
	case 4:
		c.restart()
	case 5:
		ever(func(s *server) { s.up = !s.up })
	case 6:
		ever(func(s *server) { s.blocked = !s.blocked })
	case 7:
		ever(func(s *server) { s.faded = !s.faded })
	case 8:
		ever(func(s *server) { s.probed = time.Time{} })
	case 9:
		c.remove(anybody())
	case 10:
		c.new++
		c.put(rapid.SampledFrom([]string{"eu/n", "us/n"}).Draw(c.t, "where") + string(rune('0'+c.new%10)))
	case 11:
		c.drains[anybody()] = order{foreign: true, safe: c.now}
	case 12:
		delete(c.drains, anybody())
	case 13:
		c.refuse = rapid.SampledFrom([]string{"", "", "too few are left"}).Draw(c.t, "refuse")
	case 14: // nothing else is left, so that answers name drained ones
		for id, d := range c.drains {
			c.drains[id] = order{foreign: d.foreign, safe: c.now.Add(ttl)}
		}
	case 15:
		who := anybody()
		result := rapid.SampledFrom([]string{"", ResultStarted, ResultDone, ResultFailed, "x"}).Draw(c.t, "result")
		c.try(who, result)
	case 16:
		c.silence(time.Duration(rapid.Int64Range(0, int64(Lease)).Draw(c.t, "silence")))
	case 17:
		for _, m := range c.r.Members {
			if m.Step == StepReplacing {
				c.try(m.ID, ResultFailed)
			}
		}
	case 18, 19, 20, 21:
		c.wait(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(c.t, "wait")))
	case 22, 23, 24, 25, 26, 27: // the client does its work
		for _, m := range c.r.Members {
			switch m.Step {
			case StepSafe:
				c.try(m.ID, ResultStarted)
			case StepReplacing:
				if c.try(m.ID, ResultDone) && rapid.Bool().Draw(c.t, "anew") {
					c.remove(m.ID)
					c.new++
					c.put("eu/n" + string(rune('0'+c.new%10)))
				}
			}
		}
	case 28, 29, 30, 31, 32, 33: // all become well again
		c.now = c.now.Add(time.Millisecond)
		c.put(slices.Collect(maps.Keys(c.servers))...)
		for _, m := range c.r.Members {
			if m.Step == StepWaiting {
				c.put(m.ID)
			}
		}
		for id, d := range c.drains {
			if d.foreign {
				delete(c.drains, id)
			}
		}
	default:
		c.tick()
	}
}

// try reports, and tells whether that was accepted.
func (c *chaos) try(member, result string) bool {
	before := c.lab.member(member)
	v, drained := c.servers[member], c.drains[member]
	if err := c.tryReport(member, result, "boom"); err != nil {
		return false
	}
	if result == ResultStarted && (c.r.Status != StatusRunning || before.Step != StepSafe || v == nil || c.now.Before(drained.safe)) {
		c.Fatalf("%s was started: %+v, %s", member, before, mustJSON(c, c.r))
	}
	return true
}

// audit looks at what must hold at any time.
func (c *chaos) audit() {
	for _, m := range c.r.Members {
		if was, ok := c.started[m.ID]; ok && !m.Started.Equal(was) {
			c.Fatalf("%s was started at %s, and again: %s", m.ID, was, mustJSON(c, c.r))
		}
		if !m.Started.IsZero() {
			c.started[m.ID] = m.Started
			if m.Step == StepWaiting || m.Step == StepDraining || m.Step == StepSafe || m.Step == StepReleased {
				c.Fatalf("%s was started, and could be again: %s", m.ID, mustJSON(c, c.r))
			}
		}
		if m.Begun.After(c.now) || m.Begun.IsZero() && m.Step.underWay() {
			c.Fatalf("%s began at %s, and it is %s: %s", m.ID, m.Begun, c.now, mustJSON(c, c.r))
		}
		d, drained := c.drains[m.ID]
		if drained && !d.foreign && !m.Drained && m.Step != StepFailed {
			c.Fatalf("%s is drained, and nobody knows: %s", m.ID, mustJSON(c, c.r))
		}
	}
	if c.r.Active() != c.r.Ended.IsZero() || c.r.Active() && c.r.Lease.IsZero() || c.r.Paused.IsZero() != (c.r.Status != StatusPaused) {
		c.Fatalf("at odds with itself: %s", mustJSON(c, c.r))
	}
}

// silent lets the client fall silent: then the rollout has to end and to leave no drain but those of members in an unknown state.
func (c *chaos) silent() {
	c.silence(Lease)
	if c.r.Active() {
		c.Fatalf("goes on without a client: %s", mustJSON(c, c.r))
	}
	for range 3 {
		c.tick()
	}
	if c.r.Open() {
		c.Fatalf("is open: %s", mustJSON(c, c.r))
	}
	for id, d := range c.drains {
		if m := c.lab.member(id); !d.foreign && (m.Step != StepFailed || m.Started.IsZero()) {
			c.Fatalf("%s is left drained: %s", id, mustJSON(c, c.r))
		}
	}
	c.audit()
}
