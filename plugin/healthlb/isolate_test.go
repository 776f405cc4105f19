package healthlb

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"example.org/healthlb/api"
	"example.org/healthlb/internal/backlog"
)

// rack is a member in each of two pools, that can be cut off and connected again. Each takes 127.0.0.1 and .2 at a port of its own.
type rack struct {
	*testing.T
	addrs     []string
	listeners []net.Listener
}

func newRack(t *testing.T, members int) *rack {
	r := &rack{T: t, addrs: make([]string, members)}
	for i := range r.addrs {
		r.addrs[i] = fmt.Sprintf("127.0.%d.%d:0", i/2, i%2+1)
	}
	r.connect()
	t.Cleanup(r.cut)
	return r
}

// connect has all members accept connections, each at the port that it had before.
func (r *rack) connect() {
	r.Helper()
	for i, addr := range r.addrs {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			r.Fatal(err)
		}
		r.addrs[i], r.listeners = l.Addr().String(), append(r.listeners, l)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				conn.Close()
			}
		}()
	}
}

// cut has all members refuse.
func (r *rack) cut() {
	for _, l := range r.listeners {
		l.Close()
	}
	r.listeners = nil
}

// corefile has two members in a pool. Their window is long enough for a machine that has other things to do.
func (r *rack) corefile(lines string) string {
	text := "example.org:0 {\nbind 127.0.0.1\nhealthlb {\nconfirm 10ms\nall_down nodata\n" + lines
	if !strings.Contains(lines, "interval") {
		text += "\ninterval 2s\ntimeout 2s"
	}
	for i, addr := range r.addrs {
		host, port, _ := net.SplitHostPort(addr)
		if i%2 == 0 {
			text += fmt.Sprintf("\npool p%d.example.org {\n", i/2)
		}
		text += fmt.Sprintf("member %s port %s id m%d\n", host, port, i)
		if i%2 == 1 {
			text += "}"
		}
	}
	return text + "\n}\n}\n"
}

// states returns the states of all members.
func states() (all []string) {
	for _, p := range theHub.pools() {
		s := theHub.status(p)
		for _, m := range s.Members {
			all = append(all, m.Addresses[0].State)
		}
	}
	return all
}

func allOf(states []string, state string) bool {
	return !slices.ContainsFunc(states, func(s string) bool { return s != state })
}

// eventsOf returns the events of a type since one.
func eventsOf(kind string, after uint64) (all []api.Event) {
	events, _ := theHub.events.History(after)
	for _, e := range events {
		if e.Type == kind {
			all = append(all, e)
		}
	}
	return all
}

// gaugeOf returns the value of a metric without labels.
func gaugeOf(t *testing.T, name string) float64 {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func (r *rack) awaitIsolated(want bool) {
	r.Helper()
	eventually(r.T, fmt.Sprintf("the responder takes itself to be cut off: %t", want), func() bool { return theHub.isolated() == want })
}

func TestIsolation(t *testing.T) {
	r := newRack(t, 4)
	i := startInstance(t, r.corefile("isolation 60%"))
	if !allOf(states(), "up") {
		t.Fatalf("before: %v", states())
	}
	after := theHub.events.Newest()
	r.cut()
	r.awaitIsolated(true)
	named := func() bool {
		return len(i.lookup(t, "p0.example.org.")) == 2 && len(i.lookup(t, "p1.example.org.")) == 2
	}
	eventually(t, "those who fell meanwhile are named again", named)
	if v := gaugeOf(t, "coredns_healthlb_isolated"); v != 1 {
		t.Errorf("isolated: the metric is %g", v)
	}
	eventually(t, "it is told", func() bool { return len(eventsOf("isolation", after)) == 1 })
	told := eventsOf("isolation", after)
	if told[0].To != "isolated" ||
		!strings.HasPrefix(told[0].Text, "This responder takes itself to be cut off: of 4 targets that were up 3 fail since ") ||
		told[0].Reason != "more than 60%, pools: 2, networks: 2" {
		t.Errorf("told: %+v", told)
	}

	// A reload with another interval forgets nothing.
	if err := i.reload(t, r.corefile("isolation 60%\ninterval 1s\ntimeout 1s")); err != nil {
		t.Fatal(err)
	}
	if !theHub.isolated() || !named() {
		t.Errorf("after the reload: isolated %t, all named %t", theHub.isolated(), named())
	}

	r.connect()
	r.awaitIsolated(false)
	eventually(t, "all are up", func() bool {
		if !named() {
			t.Error("somebody is not named although the network is back")
		}
		return allOf(states(), "up")
	})
	if v := gaugeOf(t, "coredns_healthlb_isolated"); v != 0 {
		t.Errorf("isolated no more: the metric is %g", v)
	}
	eventually(t, "that is told", func() bool { return len(eventsOf("isolation", after)) == 2 })
	told = eventsOf("isolation", after)
	if told[1].To != "connected" || !strings.HasPrefix(told[1].Text, "This responder is cut off no more, after ") {
		t.Errorf("told: %+v", told)
	}
}

func TestIsolationIsTurnedOff(t *testing.T) {
	r := newRack(t, 4)
	i := startInstance(t, r.corefile(""))
	if theHub.isolating.Load() != nil {
		t.Error("a guard is at work although isolation is off")
	}
	for _, target := range theHub.targets {
		if target.guarded != nil {
			t.Error("a target is guarded although isolation is off")
		}
	}
	if err := i.reload(t, r.corefile("isolation 60%")); err != nil { // with what is known of the members
		t.Fatal(err)
	}
	after := theHub.events.Newest()
	r.cut()
	r.awaitIsolated(true)
	if err := i.reload(t, r.corefile("isolation off")); err != nil {
		t.Fatal(err)
	}
	if theHub.isolated() {
		t.Error("isolated although isolation is off")
	}
	eventually(t, "the members are down", func() bool { return allOf(states(), "down") })
	eventually(t, "no one is named", func() bool {
		return slices.Equal(i.lookup(t, "p0.example.org."), []string{"[SOA]"}) && slices.Equal(i.lookup(t, "p1.example.org."), []string{"[SOA]"})
	})
	eventually(t, "it is told", func() bool { return len(eventsOf("isolation", after)) == 2 })
	if last := eventsOf("isolation", after)[1]; last.To != "connected" || !strings.HasPrefix(last.Text, "It is not looked for any more") {
		t.Errorf("told: %+v", last)
	}
}

func TestWitnessesDecide(t *testing.T) {
	there := newMember(t, "127.0.0.1:0")
	for _, test := range []struct {
		name     string
		witness  string
		isolated bool
	}{
		{"none", "", false},
		{"one is there", fmt.Sprintf("witness %s %s", backlog.Full(t, "127.0.0.1"), there.Addr()), false},
		{"all are silent", fmt.Sprintf("witness %s", backlog.Full(t, "127.0.0.1")), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRack(t, 2) // one pool in one network
			startInstance(t, r.corefile("isolation 60% "+test.witness))
			after, asked := theHub.events.Newest(), there.accepted.Load()
			r.cut()
			if test.isolated {
				r.awaitIsolated(true)
				eventually(t, "it is told", func() bool { return len(eventsOf("isolation", after)) == 1 })
				text := eventsOf("isolation", after)[0].Text
				if !strings.Contains(text, "and all witnesses: 127.0.0.1:") || !strings.Contains(text, " gave no answer within 1s)") {
					t.Error(text)
				}
				return
			}
			eventually(t, "the members are down", func() bool { return allOf(states(), "down") })
			if strings.Contains(test.witness, there.Addr().String()) {
				eventually(t, "the witness was asked", func() bool { return there.accepted.Load() > asked })
			}
			if theHub.isolated() || len(eventsOf("isolation", after)) > 0 {
				t.Error("isolated although only one pool in one network fails")
			}
		})
	}
}

func TestAskAll(t *testing.T) {
	refuses, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refuses.Close()
	there := newMember(t, "127.0.0.1:0").Addr().String()
	gone, hangs := refuses.Addr().String(), backlog.Full(t, "127.0.0.1").String()
	for _, test := range []struct {
		witnesses string
		failed    bool
		text      string
	}{
		{there, false, ""},
		{gone, false, ""},
		{hangs, true, hangs + " gave no answer within 1s"},
		{there + " " + hangs, false, ""},
		{hangs + " " + hangs, true, hangs + " gave no answer within 1s, " + hangs + " gave no answer within 1s"},
	} {
		var witnesses []netip.AddrPort
		for _, w := range strings.Fields(test.witnesses) {
			witnesses = append(witnesses, netip.MustParseAddrPort(w))
		}
		a := newAsking()
		found := askAll(a.ctx, witnesses)
		if failed := a.heard(found); failed != test.failed || test.text != "" && a.text != test.text {
			t.Errorf("%s: failed %t %q, want %t %q", test.witnesses, failed, a.text, test.failed, test.text)
		}
		a.close()
	}
}

func TestFindingsText(t *testing.T) {
	var found []finding
	for i := range 7 {
		found = append(found, finding{netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 1), true, "no route to host"})
	}
	text := findingsText(found)
	if strings.Count(text, "no route to host") != 5 || !strings.HasSuffix(text, ", and 2 more") {
		t.Error(text)
	}
}
