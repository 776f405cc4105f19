package rollout

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// start is when every rollout of the tests begins. It lies between two seconds, as times mostly do.
var start = time.Date(2026, 5, 4, 12, 0, 0, 700_000_000, time.UTC)

// ttl is for how long caches hold a member that answers no longer name.
const ttl = 30 * time.Second

// server is a member of the pool.
type server struct {
	region             string
	up, blocked, faded bool
	probed             time.Time
}

// order is a drain in the store. It is there for a member that has left, too.
type order struct {
	foreign bool
	lead    bool // answers name it for a while yet
	safe    time.Time
}

// tester is what a lab tells its errors to.
type tester interface {
	Helper()
	Fatalf(string, ...any)
}

// lab is a pool and the hub that carries out what a rollout orders.
type lab struct {
	tester
	now     time.Time
	servers map[string]*server
	drains  map[string]order
	refuse  string // why the pool can spare nobody
	r       Rollout
	last    Orders
}

// newLab starts a rollout of servers that are all well. They are in the region before the slash of their names, if there is one.
func newLab(t tester, s Spec, ids ...string) *lab {
	t.Helper()
	l := &lab{tester: t, now: start, servers: map[string]*server{}, drains: map[string]order{}}
	for _, id := range ids {
		l.put(id)
	}
	r, err := Start("r1", "www.lb.example.org.", s, l.view(), l.now)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	l.r = r
	return l
}

// put makes a server that is well, or makes one well.
func (l *lab) put(ids ...string) {
	for _, id := range ids {
		region, _, found := strings.Cut(id, "/")
		if !found {
			region = ""
		}
		l.servers[id] = &server{region: region, up: true, faded: true, probed: l.now}
	}
}

func (l *lab) remove(ids ...string) {
	for _, id := range ids {
		delete(l.servers, id)
	}
}

func (l *lab) view() View {
	var v View
	for _, id := range slices.Sorted(maps.Keys(l.servers)) {
		s := l.servers[id]
		d, drained := l.drains[id]
		m := MemberView{
			ID: id, Region: s.region, Addresses: []string{"192.0.2.1"}, Up: s.up, Blocked: s.blocked, Faded: s.faded, Probed: s.probed,
			Drained: drained, Foreign: d.foreign, Out: drained && !d.lead, Safe: !l.now.Before(d.safe), SafeAfter: d.safe,
		}
		v.Members = append(v.Members, m)
	}
	return v
}

// set takes over what a call made of the rollout, when that is as it should be.
func (l *lab) set(before string, r Rollout) {
	l.Helper()
	if after := mustJSON(l, l.r); after != before {
		l.Fatalf("the rollout itself was changed:\n%s\n%s", before, after)
	}
	var back Rollout
	if err := json.Unmarshal([]byte(mustJSON(l, r)), &back); err != nil {
		l.Fatalf("%v", err)
	}
	if !reflect.DeepEqual(r, back) {
		l.Fatalf("comes back from JSON as another one:\n%+v\n%+v", r, back)
	}
	l.r = r
}

func mustJSON(t tester, r Rollout) string {
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(text)
}

// tick calls Next and does what it orders.
func (l *lab) tick() {
	l.Helper()
	before := mustJSON(l, l.r)
	v := l.view()
	r, orders, changed := l.r.Next(v, l.now)
	if changed == reflect.DeepEqual(r, l.r) {
		l.Fatalf("changed is %t:\n%s\n%s", changed, before, mustJSON(l, r))
	}
	again, more, changed := r.Next(v, l.now)
	if changed || !reflect.DeepEqual(r, again) {
		l.Fatalf("changes again with the same view:\n%s\n%s", mustJSON(l, r), mustJSON(l, again))
	}
	if !slices.Equal(orders.Drain, more.Drain) {
		l.Fatalf("orders the drain of %v, and with the same view that of %v", orders.Drain, more.Drain)
	}
	l.check(v, r, orders)
	l.set(before, r)
	for _, id := range orders.Undrain {
		delete(l.drains, id)
	}
	for _, id := range orders.Drain {
		if l.refuse != "" {
			before = mustJSON(l, l.r)
			l.set(before, l.r.Refused(id, l.refuse, l.now))
			continue
		}
		l.drains[id] = order{safe: l.now.Add(ttl)}
	}
	l.last = orders
}

// check looks whether orders may be given.
func (l *lab) check(v View, r Rollout, o Orders) {
	l.Helper()
	turn, canaries := map[string]bool{}, 0
	limit, under := r.Parallel, 0
	for _, m := range r.Members {
		if m.Step.underWay() {
			under++
		}
		if m.Step.underWay() || m.Step == StepFailed {
			turn[m.ID] = true
		}
		if m.Step != StepReleased && canaries < r.Canary {
			canaries++
			if r.Active() && !m.Step.over() {
				limit = 1
			}
		}
	}
	if under > limit {
		l.Fatalf("%d are under way, at most %d may: %s", under, limit, mustJSON(l, r))
	}
	for _, m := range v.Members {
		if len(o.Drain) > 0 && m.in(r.Region) && !turn[m.ID] && (!m.Up || m.Blocked || m.Drained || !m.Faded) {
			l.Fatalf("drains %v while %s %s: %s", o.Drain, m.ID, m.fault(), mustJSON(l, r))
		}
		if slices.Contains(o.Undrain, m.ID) && !m.ours() {
			l.Fatalf("undrains %s, which is not drained by it: %s", m.ID, mustJSON(l, r))
		}
	}
}

// wait lets time go by, in which the client says that it is there.
func (l *lab) wait(d time.Duration) {
	l.Helper()
	for d > 0 {
		step := min(d, Lease/3)
		l.now, d = l.now.Add(step), d-step
		l.report("", "", "")
		l.tick()
	}
}

// silence lets time go by without a word of the client.
func (l *lab) silence(d time.Duration) {
	l.now = l.now.Add(d)
	l.tick()
}

func (l *lab) tryReport(member, result, text string) error {
	l.Helper()
	before := mustJSON(l, l.r)
	r, err := l.r.Report(member, result, text, l.view(), l.now)
	if err != nil && !reflect.DeepEqual(r, l.r) {
		l.Fatalf("a refused report changes the rollout: %v", err)
	}
	l.set(before, r)
	return err
}

func (l *lab) report(member, result, text string) {
	l.Helper()
	if err := l.tryReport(member, result, text); err != nil {
		l.Fatalf("%v", err)
	}
}

// refused is for a report that is to be refused with a text.
func (l *lab) refused(want, member, result string) {
	l.Helper()
	if err := l.tryReport(member, result, ""); err == nil || err.Error() != want {
		l.Fatalf("got %v, want %s", err, want)
	}
}

type steering func(Rollout, string, time.Time) (Rollout, error)

func (l *lab) trySteer(f steering) error {
	l.Helper()
	before := mustJSON(l, l.r)
	r, err := f(l.r, "ann", l.now)
	l.set(before, r)
	return err
}

func (l *lab) steer(f steering) {
	l.Helper()
	if err := l.trySteer(f); err != nil {
		l.Fatalf("%v", err)
	}
}

func (l *lab) restart() {
	l.Helper()
	before := mustJSON(l, l.r)
	l.set(before, l.r.Restarted(l.now))
}

// bring takes a member, whose turn it is, to a step.
func (l *lab) bring(id string, to Step) {
	l.Helper()
	l.tick()
	for _, s := range []struct {
		step Step
		next func()
	}{
		{StepDraining, func() { l.wait(ttl) }},
		{StepSafe, func() { l.report(id, ResultStarted, "") }},
		{StepReplacing, func() { l.report(id, ResultDone, "") }},
		{StepReturning, func() { l.wait(time.Second); l.put(id); l.tick(); l.tick() }},
	} {
		if l.step(id) == to {
			return
		}
		if l.step(id) == s.step {
			s.next()
		}
	}
	if l.step(id) != to {
		l.Fatalf("%s is %s, not %s: %s", id, l.step(id), to, l.steps())
	}
}

func (l *lab) member(id string) Member {
	for _, m := range l.r.Members {
		if m.ID == id {
			return m
		}
	}
	return Member{}
}

func (l *lab) step(id string) Step { return l.member(id).Step }

// steps is the whole in a line. Drained members have a star.
func (l *lab) steps() string {
	text := []string{string(l.r.Status) + ":"}
	for _, m := range l.r.Members {
		s := m.ID + " " + string(m.Step)
		if d, drained := l.drains[m.ID]; drained && !d.foreign {
			s += "*"
		}
		text = append(text, s)
	}
	return strings.Join(text, " ")
}

func (l *lab) want(steps string) {
	l.Helper()
	if got := l.steps(); got != steps {
		l.Fatalf("got  %s\nwant %s", got, steps)
	}
}

func (l *lab) wantReason(reason string) {
	l.Helper()
	if l.r.Reason != reason {
		l.Fatalf("got reason  %q\nwant reason %q", l.r.Reason, reason)
	}
}

func (l *lab) wantError(id, text string) {
	l.Helper()
	if got := l.member(id).Error; got != text {
		l.Fatalf("%s: got error  %q\nwant error %q", id, got, text)
	}
}

func names(n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("m%02d", i))
	}
	return ids
}

var _ tester = (*testing.T)(nil)
