package healthlb

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/isolation"
	"example.org/healthlb/plugin/healthlb/probe"
)

// mostFreezes is how many isolations are remembered: more than follow one another while one pool's states thaw, unless its interval is
// minutes long.
const mostFreezes = 16

// isolating is the isolation guard at work, with the goroutine that asks its witnesses and tells what it finds.
type isolating struct {
	hub    *hub
	guard  *isolation.Guard
	config atomic.Pointer[config.Isolation]
	wake   chan struct{} // tells the goroutine to look at the guard
	end    chan struct{} // closed when isolation is turned off

	freezes atomic.Pointer[[]isolation.Freeze] // in the order of time

	told isolation.State // the last one; the goroutine's own, as all that follows
	ask  *asking
	thaw time.Time // when the next pool's states have thawed; zero: none freeze
}

// isolate has isolation looked for as the Corefile that counts says; nil: not at all. The caller holds h.mu.
func (h *hub) isolate(c *config.Isolation) {
	i := h.isolating.Load()
	switch {
	case c == nil && i == nil:
	case c == nil:
		h.isolating.Store(nil)
		for _, t := range h.targets {
			t.mu.Lock()
			t.guarded = nil
			t.mu.Unlock()
		}
		close(i.end)
	case i == nil:
		h.beginIsolating(c)
	default:
		i.config.Store(c)
		i.guard.Configure(ruleOf(c), time.Now())
		wake(i.wake)
	}
}

func ruleOf(c *config.Isolation) isolation.Rule {
	return isolation.Rule{Share: c.Share, Witnesses: len(c.Witnesses) > 0}
}

// beginIsolating has all targets guarded, with what is known of them. The caller holds h.mu.
func (h *hub) beginIsolating(c *config.Isolation) {
	i := &isolating{hub: h, wake: make(chan struct{}, 1), end: make(chan struct{})}
	i.guard = isolation.New(ruleOf(c), func() { wake(i.wake) })
	i.config.Store(c)
	i.freezes.Store(new([]isolation.Freeze))
	h.isolating.Store(i)
	for key, t := range h.targets {
		t.mu.Lock()
		for _, p := range t.wanted.all() {
			h.guard(t, key, p)
		}
		if t.known && reached(t.last.Outcome, t.last.Excused) {
			t.guarded.Result(false, t.last.At, t.last.At)
		}
		t.mu.Unlock()
	}
	stop := h.stop
	h.goroutines.Go(func() { i.run(stop) })
}

// guard has a target guarded for a slot of a pool, where isolation is looked for. Checks that ask nobody say nothing about the network. The
// caller holds h.mu, and t.mu unless nobody else knows t.
func (h *hub) guard(t *target, key probe.Target, p *livePool) {
	i := h.isolating.Load()
	if i == nil || probe.Static(t.check) {
		return
	}
	window := longestWait(key.Interval) + key.Timeout
	if len(i.config.Load().Witnesses) > 0 {
		window += witnessEvery + witnessTimeout // what fails must still be fresh when they have been asked
	}
	t.guarded = i.guard.Add(isolation.What{To: key.To, Check: t.check.Name()}, window, p.Name)
}

// longestWait is the longest time between the ends and beginnings of two probes, with the scheduler's jitter.
func longestWait(interval time.Duration) time.Duration { return interval * 5 / 4 }

// withheld asks the guard whether a result is to be kept from the slots. The first one never is: somebody may wait for it. The caller
// holds t.mu.
func (t *target) withheld(r probe.Result) bool {
	if t.guarded == nil || r.Outcome == health.Inconclusive {
		return false
	}
	return t.guarded.Result(!reached(r.Outcome, r.Excused), r.Start, r.Start.Add(r.Took)) && t.known
}

// reached says whether a conclusive result shows that the member can be reached. One that says it wants no traffic has been, and one whose
// certificate has run out.
func reached(o health.Outcome, excused bool) bool {
	return o == health.Pass || o == health.LameDuck || o == health.Fail && excused
}

// isolated says whether the responder takes itself to be cut off.
func (h *hub) isolated() bool {
	i := h.isolating.Load()
	if i == nil {
		return false
	}
	freezes := *i.freezes.Load()
	return len(freezes) > 0 && freezes[len(freezes)-1].Ended.IsZero()
}

// frozen returns since when the states of a pool's members are frozen: those who fell since then count as able. The zero time: they are
// not.
func (h *hub) frozen(c *config.Pool) time.Time {
	i := h.isolating.Load()
	if i == nil {
		return time.Time{}
	}
	return isolation.Frozen(*i.freezes.Load(), thawOf(c), time.Now())
}

// thawOf is how long behind the end of isolation a member may take to come back that fell while it lasted: until its next probe has passed,
// and as many more as it takes to rise.
func thawOf(c *config.Pool) time.Duration {
	return longestWait(c.Interval) + c.Timeout + time.Duration(c.Rise-1)*(c.Confirm+c.Timeout)
}

// run looks at the guard whenever it asks for that, until stop or i.end is closed.
func (i *isolating) run(stop <-chan struct{}) {
	i.ask = newAsking()
	defer i.ask.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		woken := false
		select {
		case <-stop:
			return
		case <-i.end:
			i.turnedOff()
			return
		case <-i.wake:
			woken = true
		case found := <-i.ask.found:
			if i.ask.heard(found) {
				i.guard.WitnessesFailed(time.Now())
			}
		case <-timer.C:
		}
		now := time.Now()
		i.look(now)
		if woken {
			i.ask.wanted = true
		}
		next := i.ask.begin(i.guard, i.config.Load().Witnesses, now)
		if !i.thaw.IsZero() && (next.IsZero() || i.thaw.Before(next)) {
			next = i.thaw
		}
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// look has done what follows from what the guard has found, and from the time.
func (i *isolating) look(now time.Time) {
	s, before := i.guard.State(), i.told
	i.told = s
	freezes := *i.freezes.Load()
	begun := s.Episode != before.Episode
	if begun {
		freezes = append(freezes[max(0, len(freezes)+1-mostFreezes):len(freezes):len(freezes)], isolation.Freeze{Since: s.Since, Begun: s.Begun})
	}
	ended := !s.Isolated && (begun || before.Isolated)
	if ended {
		freezes = append(freezes[:len(freezes)-1:len(freezes)-1], isolation.Freeze{Since: s.Since, Begun: s.Begun, Ended: s.Ended})
	}
	if begun || ended {
		i.freezes.Store(&freezes)
	}
	if begun || ended || !i.thaw.IsZero() && !now.Before(i.thaw) {
		i.hub.rebuildAll()
	}
	i.thaw = i.nextThaw(now)
	if begun {
		i.tellBegin(s)
	}
	if ended {
		i.tellEnd(fmt.Sprintf("This responder is cut off no more, after %v. Of the targets that were up then, still failing: %d of %d",
			s.Ended.Sub(s.Begun).Round(time.Second), s.Failing, s.Of))
	}
}

// nextThaw returns when the states of some pool will have thawed; the zero time: none do.
func (i *isolating) nextThaw(now time.Time) (next time.Time) {
	freezes := *i.freezes.Load()
	if len(freezes) == 0 || freezes[len(freezes)-1].Ended.IsZero() {
		return next
	}
	ended := freezes[len(freezes)-1].Ended
	for _, p := range i.hub.pools() {
		if at := ended.Add(thawOf(p.config)); at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// turnedOff has done what follows when isolation is looked for no more.
func (i *isolating) turnedOff() {
	freezes := *i.freezes.Load()
	if len(freezes) == 0 {
		return
	}
	i.hub.rebuildAll()
	if freezes[len(freezes)-1].Ended.IsZero() {
		i.tellEnd("It is not looked for any more whether this responder is cut off. It was, and members were answered with as before that")
	}
}

// rebuildAll has all pools rebuilt soon: at once those that count, and the others, of a Corefile that comes or goes, when no reload has the
// lock. It is called from one of the hub's goroutines.
func (h *hub) rebuildAll() {
	for _, p := range h.pools() {
		p.dirty.add(p)
	}
	h.goroutines.Go(func() {
		for _, g := range h.atWork() {
			for _, p := range g.set.Load().sorted {
				p.dirty.add(p)
			}
		}
	})
}

func (i *isolating) tellBegin(s isolation.State) {
	c := i.config.Load()
	rule := fmt.Sprintf("more than %v%%, pools: %d, networks: %d", math.Round(c.Share*100), s.Pools, s.Networks)
	if s.ByWitnesses {
		rule += ", and all witnesses: " + i.ask.text
	}
	text := fmt.Sprintf("This responder takes itself to be cut off: of %d targets that were up %d fail since %s (%s). Members are answered with as before that",
		s.Up, s.Failed, s.Since.UTC().Format("15:04:05.000Z"), rule)
	log.Warning(text)
	i.hub.events.Tell(api.Event{Type: "isolation", From: connected, To: cutOff, Reason: rule, Text: text})
}

func (i *isolating) tellEnd(text string) {
	log.Warning(text)
	i.hub.events.Tell(api.Event{Type: "isolation", From: cutOff, To: connected, Text: text})
}

// What the responder takes itself to be, in events.
const (
	connected = "connected"
	cutOff    = "isolated"
)
