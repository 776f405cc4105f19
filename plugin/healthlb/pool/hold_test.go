package pool

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

func flapping(s *Spec) { s.Flap = time.Minute }

// clock has results come in one after the other.
type clock struct {
	*Pool
	now time.Time
}

// take has all slots of a member in the A family take in outcomes, a second apart, and returns the last change of its state.
func (c *clock) take(id string, outcomes ...health.Outcome) (last *Transition) {
	for _, o := range outcomes {
		c.now = c.now.Add(time.Second)
		for _, s := range c.slotsOf(id, A) {
			if did := s.Observe(Observation{Outcome: o, At: c.now, Reason: map[health.Outcome]string{fail: "refused"}[o]}); did.Transition != nil {
				last = did.Transition
			}
		}
	}
	c.rebuildAt(c.now)
	return last
}

func (c *clock) see(id string) AddressView {
	for _, m := range c.View(Around{}, c.now).Members {
		if m.ID == id {
			return m.Addresses[A]
		}
	}
	return AddressView{}
}

// heldPool returns a pool whose member m1 has just fallen for the third time, at the 16th second, and m2 is up.
func heldPool(t *testing.T, change ...func(*Spec)) *clock {
	t.Helper()
	c := &clock{newPool(t, spec(2, append([]func(*Spec){flapping}, change...)...)), start}
	c.take("m2", pass)
	c.now = start
	c.take("m1", pass, fail, fail, fail, pass, pass, fail, fail, fail, pass, pass, pass)
	if got := c.see("m1"); got.State != health.Up || !got.HeldUntil.IsZero() {
		t.Fatalf("after two falls: %+v, want it up", got)
	}
	const want = "refused; flapping: fell 3 times, held down until 03:05:20 UTC at least"
	if fell := c.take("m1", fail, fail, fail); fell == nil || fell.To != health.Down || fell.Reason != want {
		t.Fatalf("the third fall is %+v, want %q", fell, want)
	}
	return c
}

var heldEnd = start.Add(75 * time.Second)

func TestHeldDown(t *testing.T) {
	c := heldPool(t)
	if got := c.see("m1"); got.Reason != "refused" || !got.HeldUntil.Equal(heldEnd) || got.Excused {
		t.Errorf("after the third fall: %+v", got)
	}
	if came := c.take("m1", pass, pass, pass); came != nil {
		t.Errorf("it is held down, and %+v", came)
	}
	got := c.see("m1")
	if got.State != health.Down || got.Checks[0].Record.State != health.Up || !got.Excused || !got.HeldUntil.Equal(heldEnd) {
		t.Errorf("held down: %+v", got)
	}
	if want := "flapping: fell 3 times, held down until 03:05:20 UTC although it passes"; got.Reason != want {
		t.Errorf("the reason is %q, want %q", got.Reason, want)
	}
	if hosts := c.ask(A).hosts; !slices.Equal(hosts, []int{2}) {
		t.Errorf("answers name %v", hosts)
	}
	c.now = heldEnd.Add(-2 * time.Second)
	if came := c.take("m1", pass); came != nil {
		t.Errorf("a second before the end: %+v", came)
	}
	c.now = heldEnd.Add(time.Second)
	if came := c.take("m1", health.Inconclusive); came != nil || c.see("m1").HeldUntil.IsZero() {
		t.Errorf("a result that says nothing ends it: %+v", came)
	}
	if came := c.take("m1", pass); came == nil || came.From != health.Down || came.To != health.Up || came.Reason != "" {
		t.Errorf("the first result after the end: %+v", came)
	}
	if got := c.see("m1"); !got.HeldUntil.IsZero() || got.Excused || got.Reason != "" || !got.Since.Equal(c.now) {
		t.Errorf("up again: %+v", got)
	}
	if n := c.see("m1").Transitions; n[health.Down] != 3 || n[health.Up] != 4 {
		t.Errorf("transitions: %v, want 3 to down and 4 to up", n)
	}
}

// TestHeldEnds: the first result at the very end counts, also a failure that makes the member suspect only.
func TestHeldEnds(t *testing.T) {
	c := heldPool(t)
	c.take("m1", pass, pass)
	c.now = heldEnd.Add(-time.Second)
	if came := c.take("m1", fail); came == nil || came.To != health.Suspect || came.Reason != "refused" {
		t.Errorf("a failure at the end: %+v", came)
	}
}

// TestTakenHeld: a result tells whether the member is held down by now.
func TestTakenHeld(t *testing.T) {
	c := heldPool(t)
	slot := c.slotsOf("m1", A)[0]
	for range 2 {
		slot.Observe(Observation{Outcome: pass, At: c.now})
	}
	if did := slot.Observe(Observation{Outcome: pass, At: heldEnd.Add(-time.Second)}); !did.Held {
		t.Errorf("before the end: %+v", did)
	}
	if did := slot.Observe(Observation{Outcome: pass, At: heldEnd}); did.Held || did.Transition == nil {
		t.Errorf("at the end: %+v", did)
	}
}

// TestFallsUnderHold: one that goes on flapping while it is held down is held down for longer.
func TestFallsUnderHold(t *testing.T) {
	c := heldPool(t)
	if changed := c.take("m1", pass, pass, pass, fail, fail, fail, pass, pass); changed != nil {
		t.Errorf("it is held down, and %+v", changed)
	}
	until := c.see("m1").HeldUntil
	if least := heldEnd.Add(time.Minute); until.Before(least) || until.After(least.Add(10*time.Second)) {
		t.Errorf("after a fourth fall it is held down until %s, want twice as long", until)
	}
	if got, want := c.see("m1").Reason, "flapping: fell 4 times, held down until "+until.Add(time.Second-1).UTC().Format("15:04:05 UTC")+" although it passes"; got != want {
		t.Errorf("the reason is %q, want %q", got, want)
	}
}

// TestNoFalls: to say that one wants no traffic, or to begin with a failure, is no fall.
func TestNoFalls(t *testing.T) {
	for rule, outcomes := range map[string][]health.Outcome{
		"lame":            {pass, lameDuck, pass, lameDuck, pass, lameDuck, pass, lameDuck, pass},
		"failed at first": {fail, pass, pass, fail, fail, fail, pass, pass, fail, fail, fail, pass, pass},
		"down all along":  {pass, fail, fail, fail, pass, fail, pass, fail, pass, fail, fail, fail, pass, pass},
		"suspect":         {pass, fail, fail, pass, fail, fail, pass, fail, fail, pass},
	} {
		c := &clock{newPool(t, spec(1, flapping)), start}
		c.take("m1", outcomes...)
		if got := c.see("m1"); got.State != health.Up || !got.HeldUntil.IsZero() {
			t.Errorf("%s: %+v, want it up", rule, got)
		}
	}
}

// TestLameUnderHold: what the member says of itself is seen, and does not end the hold-down.
func TestLameUnderHold(t *testing.T) {
	c := heldPool(t)
	c.take("m1", pass, pass, lameDuck)
	if got := c.see("m1"); got.State != health.Lame || got.Excused {
		t.Errorf("lame while held down: %+v", got)
	}
	if came := c.take("m1", pass); came == nil || came.To != health.Down || came.Reason != c.see("m1").Reason {
		t.Errorf("it wants traffic again, and is held down: %+v", came)
	}
}

// TestHoldIsKept over reloads and changes of the members, for the same id and address whatever is checked, but not when it is turned off.
func TestHoldIsKept(t *testing.T) {
	for _, tc := range []struct {
		rule   string
		change func(*Spec)
		want   health.State // after a pass; before it the same, but where the check is another one
	}{
		{"nothing changes", func(*Spec) {}, health.Down},
		{"another weight", func(s *Spec) { s.Members[0].Weight = 2 }, health.Down},
		{"a longer first hold-down", func(s *Spec) { s.Flap = time.Hour }, health.Down},
		{"another check", func(s *Spec) { s.Checks[0].Port = 81 }, health.Down},
		{"another id", func(s *Spec) { s.Members[0].ID = "m3" }, health.Up},
		{"another address", func(s *Spec) { s.Members[0].V4 = v4(9) }, health.Up},
		{"turned off", func(s *Spec) { s.Flap = 0 }, health.Up},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			c := heldPool(t)
			c.take("m1", pass, pass)
			next := *c.Spec
			next.Members, next.Checks = slices.Clone(next.Members), slices.Clone(next.Checks)
			tc.change(&next)
			q, err := New(&next, c.Pool, c.now)
			if err != nil {
				t.Fatal(err)
			}
			id := next.Members[0].ID
			reloaded := &clock{q, c.now}
			before := reloaded.see(id)
			reloaded.take(id, pass)
			if got := reloaded.see(id); got.State != tc.want {
				t.Errorf("after a reload: %+v", got)
			}
			if before.State != health.Unknown && before.State != tc.want {
				t.Errorf("before the next result: %+v", before)
			}
			if next.Flap != c.Flap || next.Checks[0] != c.Checks[0] {
				return
			}
			c.SetMembers(next.Members, c.now)
			c.take(id, pass)
			if got := c.see(id); got.State != tc.want {
				t.Errorf("with other members: %+v", got)
			}
		})
	}
}

// TestHoldOffStaysOff: a hold-down that a reload has ended does not come back with the next reload.
func TestHoldOffStaysOff(t *testing.T) {
	c := heldPool(t)
	c.take("m1", pass, pass)
	for _, d := range []time.Duration{0, time.Minute} {
		next := *c.Spec
		next.Flap = d
		q, err := New(&next, c.Pool, c.now)
		if err != nil {
			t.Fatal(err)
		}
		c = &clock{q, c.now}
		c.take("m1", pass)
		if got := c.see("m1"); got.State != health.Up || !got.HeldUntil.IsZero() {
			t.Errorf("flap %s: %+v, want it up", d, got)
		}
	}
}

// TestBothPoolsOfAReloadCountFalls: while two pools of one name are at work, each counts a fall once.
func TestBothPoolsOfAReloadCountFalls(t *testing.T) {
	c := &clock{newPool(t, spec(1, flapping)), start}
	c.take("m1", pass)
	next := *c.Spec
	q, err := New(&next, c.Pool, c.now)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c.take("m1", fail, fail, fail, pass, pass)
		(&clock{q, c.now}).take("m1", fail, fail, fail, pass, pass)
	}
	if old, new := c.see("m1"), (&clock{q, c.now}).see("m1"); old.State != health.Up || new.State != health.Up {
		t.Errorf("after two falls the old pool has it %s, the new one %s", old.State, new.State)
	}
}

// TestHeldFadesIn: one that comes up at the end of its hold-down fades in, unless answers have named it all the time.
func TestHeldFadesIn(t *testing.T) {
	fading := func(s *Spec) { s.FadeIn = oneMinute }
	c := heldPool(t, fading)
	c.take("m1", pass, pass)
	c.now = heldEnd
	c.take("m1", pass)
	if got := c.fadeOf(A, "m1", c.now); got != 0.01 {
		t.Errorf("it has %g of its share at once", got)
	}
	c = heldPool(t, fading, func(s *Spec) { s.MinUp = MinUp{2, false} })
	c.take("m1", pass, pass)
	if got := c.see("m1"); !got.Eligible || !got.Named {
		t.Errorf("it is needed: %+v", got)
	}
	c.now = heldEnd
	c.take("m1", pass)
	if got := c.fadeOf(A, "m1", c.now); got != 1 {
		t.Errorf("it has %g of the share that it had before", got)
	}
}

// TestReasons: with several checks the reason names the one that failed, with its port where it has one.
func TestReasons(t *testing.T) {
	p := newPool(t, spec(1, func(s *Spec) {
		s.Checks = []Check{{"http path /health", 8080}, {"exec /bin/check it", 0}, {"tcp", 443}}
		s.Members[0].V6 = netip.Addr{}
	}))
	slots := p.Slots()
	see := func() AddressView { return p.View(Around{}, start).Members[0].Addresses[0] }
	tell := func(check int, o health.Outcome, reason string) *Transition {
		return slots[check].Observe(Observation{Outcome: o, Reason: reason, At: start}).Transition
	}
	for check := range slots {
		tell(check, pass, "")
	}
	tell(1, fail, "exit status 1")
	if got := tell(0, fail, "status 503"); got != nil {
		t.Errorf("still suspect, and %+v", got)
	}
	tell(0, fail, "status 503")
	if got := tell(0, fail, "status 503"); got == nil || got.Reason != "http 8080: status 503" || see().Reason != got.Reason {
		t.Errorf("down: %+v, %q", got, see().Reason)
	}
	tell(0, pass, "")
	if got := tell(0, pass, ""); got == nil || got.To != health.Suspect || got.Reason != "exec: exit status 1" || see().Reason != got.Reason {
		t.Errorf("the other check goes on failing: %+v, %q", got, see().Reason)
	}
	if got := tell(2, lameDuck, "it says so"); got == nil || got.Reason != "tcp 443: it says so" {
		t.Errorf("lame: %+v", got)
	}
	tell(2, pass, "")
	if got := tell(1, pass, ""); got == nil || got.To != health.Up || got.Reason != "" || see().Reason != "" {
		t.Errorf("up: %+v, %q", got, see().Reason)
	}
}
