package isolation

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// moment is when the tests begin.
var moment = time.Unix(1_700_000_000, 0)

// lab is a guard whose targets are named by the pool that wants them and their address, as in a/192.0.2.1. Their window is 6s.
type lab struct {
	*testing.T
	*Guard
	now     time.Time
	targets map[string]*Target
	woken   int
}

const window = 6 * time.Second

func newLab(t *testing.T, r Rule, names ...string) *lab {
	l := &lab{T: t, now: moment, targets: make(map[string]*Target)}
	l.Guard = New(r, func() { l.woken++ })
	l.add(names...)
	return l
}

func whatOf(addr string) What {
	return What{netip.AddrPortFrom(netip.MustParseAddr(addr), 443), "tcp"}
}

func (l *lab) add(names ...string) {
	for _, name := range names {
		pool, addr, _ := strings.Cut(name, "/")
		l.targets[name] = l.Add(whatOf(addr), window, pool)
	}
}

// pass has the targets pass; without names, all.
func (l *lab) pass(names ...string) {
	l.Helper()
	if len(names) == 0 {
		for name := range l.targets {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if l.targets[name].Result(false, l.now, l.now) {
			l.Errorf("that %s passes was withheld", name)
		}
	}
}

// fail has the targets fail, one a second, and returns how many of the results were withheld.
func (l *lab) fail(names ...string) (withheld int) {
	for _, name := range names {
		l.now = l.now.Add(time.Second)
		if l.targets[name].Result(true, l.now.Add(-time.Second), l.now) {
			withheld++
		}
	}
	return withheld
}

func (l *lab) leave(names ...string) {
	for _, name := range names {
		pool, _, _ := strings.Cut(name, "/")
		l.targets[name].Leave(pool, l.now)
		delete(l.targets, name)
	}
}

func TestWhenIsolationBegins(t *testing.T) {
	for _, test := range []struct {
		name     string
		share    float64
		targets  string
		fail     string
		isolated bool
	}{
		{"more than the share", 0.6, "a/192.0.2.1 a/192.0.2.2 b/192.0.2.3", "a/192.0.2.1 b/192.0.2.3", true},
		{"the share itself", 0.5, "a/192.0.2.1 a/192.0.2.2 b/192.0.2.3 b/192.0.2.4", "a/192.0.2.1 b/192.0.2.3", false},
		{"one target alone", 0.6, "a/192.0.2.1", "a/192.0.2.1", false},
		{"one pool and network", 0.6, "a/192.0.2.1 a/192.0.2.2 a/192.0.2.3", "a/192.0.2.1 a/192.0.2.2 a/192.0.2.3", false},
		{"one pool, two networks", 0.6, "a/192.0.2.1 a/192.0.3.1", "a/192.0.2.1 a/192.0.3.1", true},
		{"one pool, two networks of IPv6", 0.6, "a/2001:db8::1 a/2001:db8:1::1", "a/2001:db8::1 a/2001:db8:1::1", true},
		{"one network of IPv6", 0.6, "a/2001:db8::1 a/2001:db8:0:1::1", "a/2001:db8::1 a/2001:db8:0:1::1", false},
		{"one pool, both families", 0.6, "a/192.0.2.1 a/2001:db8::1", "a/192.0.2.1 a/2001:db8::1", true},
		{"too slowly", 0.6, "a/192.0.2.1 b/192.0.2.2 b/192.0.2.9", "a/192.0.2.1 a/192.0.2.1 a/192.0.2.1 a/192.0.2.1 a/192.0.2.1 a/192.0.2.1 a/192.0.2.1 a/192.0.2.1 b/192.0.2.2", false},
	} {
		l := newLab(t, Rule{Share: test.share}, strings.Fields(test.targets)...)
		l.pass()
		l.fail(strings.Fields(test.fail)...)
		if got := l.State().Isolated; got != test.isolated {
			t.Errorf("%s: isolated %t, want %t", test.name, got, test.isolated)
		}
		if l.woken > 0 != test.isolated {
			t.Errorf("%s: woken %d times", test.name, l.woken)
		}
	}
}

// TestShareIsExact goes over shares that no float holds exactly.
func TestShareIsExact(t *testing.T) {
	for percent := 2; percent < 100; percent++ {
		l := newLab(t, Rule{Share: float64(percent) / 100})
		var names []string
		for i := range 100 {
			names = append(names, fmt.Sprintf("p%d/192.0.2.%d", i%2, i+1))
		}
		l.add(names...)
		l.pass()
		for i, name := range names {
			l.targets[name].Result(true, l.now, l.now)
			if got, want := l.State().Isolated, i+1 > percent; got != want {
				t.Fatalf("share %d%%: %d of 100 fail: isolated %t, want %t", percent, i+1, got, want)
			}
		}
	}
}

func TestSharedTargetsAreNoSpread(t *testing.T) {
	l := newLab(t, Rule{Share: 0.6}, "a/192.0.2.1", "a/192.0.2.2")
	l.add("b/192.0.2.1", "b/192.0.2.2")
	l.pass()
	l.fail("a/192.0.2.1", "a/192.0.2.2")
	if l.State().Isolated {
		t.Error("two pools that share all their targets were taken for two that have nothing in common")
	}
}

func TestIsolation(t *testing.T) {
	l := newLab(t, Rule{Share: 0.6}, "a/192.0.2.1", "a/192.0.2.2", "a/192.0.2.3", "b/192.0.3.1", "b/192.0.3.2", "b/192.0.3.9")
	l.pass("a/192.0.2.1", "a/192.0.2.2", "a/192.0.2.3", "b/192.0.3.1", "b/192.0.3.2")
	l.fail("b/192.0.3.9") // never up
	if n := l.fail("a/192.0.2.1", "b/192.0.3.1", "a/192.0.2.2"); n != 0 {
		t.Errorf("%d results were withheld before 4 of 5 targets failed", n-1)
	}
	if n := l.fail("b/192.0.3.2", "a/192.0.2.1", "b/192.0.3.9"); n != 3 {
		t.Errorf("%d results were withheld, want all 3", n)
	}
	s := l.State()
	want := State{
		Episode: 1, Isolated: true, Since: moment.Add(1 * time.Second), Begun: moment.Add(5 * time.Second), Failed: 4, Up: 5, Pools: 2, Networks: 2,
	}
	if s != want {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}

	l.now = l.now.Add(time.Hour) // it lasts
	l.add("c/198.51.100.1", "c/198.51.100.2", "c/198.51.100.3", "c/198.51.100.4")
	if n := l.fail("c/198.51.100.1"); n != 0 {
		t.Error("the first result of a target was withheld")
	}
	l.pass("c/198.51.100.1", "c/198.51.100.2", "c/198.51.100.3", "c/198.51.100.4", "b/192.0.3.9", "a/192.0.2.3")
	if n := l.fail("c/198.51.100.2"); n != 1 {
		t.Error("the second result of a target was not withheld")
	}
	if !l.State().Isolated {
		t.Error("isolation ended although none that failed has passed")
	}
	l.pass("a/192.0.2.1")
	s = l.State()
	if s.Isolated || s.Failing != 3 || s.Of != 5 || !s.Ended.Equal(l.now) {
		t.Errorf("3 of 5 fail: %+v", s)
	}
	if l.fail("b/192.0.3.1", "a/192.0.2.1") != 0 || l.State().Episode != 1 {
		t.Error("what failed before made it isolated again, or was withheld")
	}
	if l.woken != 2 {
		t.Errorf("woken %d times, want 2", l.woken)
	}
}

func TestWitnesses(t *testing.T) {
	l := newLab(t, Rule{Share: 0.6, Witnesses: true}, "a/192.0.2.1", "a/192.0.2.2", "a/192.0.2.3")
	l.pass()
	l.fail("a/192.0.2.1")
	if l.Doubts(l.now) || l.woken != 0 {
		t.Error("doubts for one failure of three targets")
	}
	l.fail("a/192.0.2.2")
	if !l.Doubts(l.now) || l.woken != 1 {
		t.Error("no doubts for two failures of three targets in one pool")
	}
	late := l.now.Add(time.Minute)
	if l.Doubts(late) {
		t.Error("doubts when the failures are old")
	}
	l.WitnessesFailed(late)
	if l.State().Isolated {
		t.Error("isolated for old failures")
	}
	l.pass()
	l.fail("a/192.0.2.1", "a/192.0.2.2")
	l.WitnessesFailed(l.now)
	if s := l.State(); !s.Isolated || !s.ByWitnesses || s.Networks != 1 || s.Pools != 1 {
		t.Errorf("%+v", s)
	}
}

func TestOtherRule(t *testing.T) {
	l := newLab(t, Rule{Share: 0.9}, "a/192.0.2.1", "b/192.0.3.2", "c/192.0.4.3")
	l.pass()
	l.fail("a/192.0.2.1", "b/192.0.3.2")
	for _, step := range []struct {
		share    float64
		isolated bool
	}{{0.6, true}, {0.5, true}, {0.7, false}, {0.5, false}} {
		l.Configure(Rule{Share: step.share}, l.now)
		if got := l.State().Isolated; got != step.isolated {
			t.Errorf("share %g: isolated %t, want %t", step.share, got, step.isolated)
		}
	}
}

// TestReloadForgetsNothing replaces every target by one of other timing, as a reload does: first come the new ones, then the old ones go.
func TestReloadForgetsNothing(t *testing.T) {
	names := []string{"a/192.0.2.1", "b/192.0.3.2", "c/192.0.4.3"}
	reload := func(l *lab) {
		old := l.targets
		l.targets = make(map[string]*Target)
		l.add(names...)
		for name, target := range old {
			target.Leave(name[:1], l.now)
		}
	}
	l := newLab(t, Rule{Share: 0.6}, names...)
	l.pass()
	reload(l)
	l.fail(names[0])
	reload(l)
	l.fail(names[1])
	if !l.State().Isolated {
		t.Fatal("it is forgotten who was up")
	}
	reload(l)
	if n := l.fail(names...); n != 3 || !l.State().Isolated {
		t.Errorf("a reload ended the isolation, %d of 3 results withheld", n)
	}
	l.pass(names[0], names[1])
	if s := l.State(); s.Isolated || s.Failing != 1 || s.Of != 3 {
		t.Errorf("%+v", s)
	}
}

func TestNothingIsLeft(t *testing.T) {
	names := []string{"a/192.0.2.1", "b/192.0.3.2", "c/192.0.4.3"}
	l := newLab(t, Rule{Share: 0.6}, names...)
	l.pass()
	l.Add(l.targets[names[2]].what, window, "a")
	l.fail(names[0], names[1])
	kept := l.targets[names[1]]
	l.targets[names[2]].Leave("nobody", l.now)
	l.targets[names[2]].Leave("a", l.now)
	if !l.State().Isolated {
		t.Fatal("not isolated")
	}
	l.leave(names...)
	if s := l.State(); s.Isolated || s.Of != 0 {
		t.Errorf("isolated without targets: %+v", s)
	}
	if kept.Result(false, l.now, l.now) || kept.Result(true, l.now, l.now) {
		t.Error("a result of a target that is gone was withheld")
	}
	kept.Leave("b", l.now)
	if n := len(l.Guard.targets) + len(l.pools) + len(l.networks) + len(l.fresh) + l.passing; n != 0 {
		t.Errorf("left: %d targets, %d pools, %d networks, %d fresh failures, %d passing", len(l.Guard.targets), len(l.pools), len(l.networks), len(l.fresh), l.passing)
	}
}

func TestNobodyGuards(t *testing.T) {
	var target *Target
	if target.Result(true, moment, moment) {
		t.Error("withheld")
	}
	target.Leave("a", moment)
}

func TestNetworkOf(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24", "2001:db8:1:2::3": "2001:db8:1::/48", "fe80::1%eth0": "fe80::/48",
	} {
		if got := networkOf(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if networkOf(netip.Addr{}) != (netip.Prefix{}) {
		t.Error("no address has a network")
	}
}

func TestFrozen(t *testing.T) {
	at := func(seconds int) time.Time { return moment.Add(time.Duration(seconds) * time.Second) }
	now := []Freeze{{Since: at(100), Begun: at(102)}}
	over := []Freeze{{Since: at(100), Begun: at(102), Ended: at(110)}}
	again := append(over[:1:1], Freeze{Since: at(118), Begun: at(119)})
	later := append(over[:1:1], Freeze{Since: at(119), Begun: at(121), Ended: at(130)})
	for _, test := range []struct {
		name    string
		freezes []Freeze
		now     int
		since   int // 0: not frozen
	}{
		{"never", nil, 100, 0},
		{"now", now, 9999, 100},
		{"thawing", over, 119, 100},
		{"thawed", over, 120, 0},
		{"anew while thawing", again, 9999, 100},
		{"anew after that", later, 122, 119},
		{"that is over", later, 140, 0},
	} {
		since := Frozen(test.freezes, 10*time.Second, at(test.now))
		if want := at(test.since); test.since == 0 && !since.IsZero() || test.since != 0 && !since.Equal(want) {
			t.Errorf("%s: since %v, want second %d", test.name, since, test.since)
		}
	}
}
