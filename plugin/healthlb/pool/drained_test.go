package pool

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/health"
)

// drains orders members out: at a moment each, as long after start as it says.
func drains(out map[string]time.Duration) map[string]Drain {
	ds := make(map[string]Drain)
	for id, after := range out {
		ds[id] = Drain{Out: start.Add(after)}
	}
	return ds
}

func (p *Pool) rebuildAround(by Around) { p.Rebuild(func() (Around, time.Time) { return by, start }) }

func TestDrained(t *testing.T) {
	up, down, lame := []health.Outcome{pass}, []health.Outcome{fail}, []health.Outcome{lameDuck}
	type told map[string][]health.Outcome
	type out map[string]time.Duration
	mode := func(m AllDownMode, addrs ...netip.Addr) func(*Spec) {
		return func(s *Spec) { s.AllDown = AllDown{m, addrs} }
	}
	minUp := func(n int, percent bool) func(*Spec) {
		return func(s *Spec) { s.MinUp = MinUp{n, percent} }
	}
	for _, tc := range []struct {
		rule    string
		spec    Spec
		told    told
		out     out
		blocked int // 0: no one
		want    reply
	}{
		{"who is drained is out", spec(2), told{"m1": up, "m2": up}, out{"m1": -time.Hour}, 0, reply{0, []int{2}, 30, false}},
		{"from that very moment on", spec(2), told{"m1": up, "m2": up}, out{"m1": 0}, 0, reply{0, []int{2}, 30, false}},
		{"until then it is in, with the low TTL", spec(2), told{"m1": up, "m2": up}, out{"m1": 1}, 0, reply{0, []int{1, 2}, 5, false}},
		{"one that is to be drained counts for min_up", spec(2, minUp(2, false)), told{"m1": up, "m2": up}, out{"m1": 1}, 0, reply{0, []int{1, 2}, 5, false}},
		{"one that is drained does not", spec(3, minUp(2, false)), told{"m1": up, "m2": up}, out{"m1": 0}, 0, reply{0, []int{2, 3}, 5, true}},
		{"but it is one of those that a percentage is of", spec(4, minUp(50, true)), told{"m1": up, "m2": up}, out{"m4": 0}, 0, reply{0, []int{1, 2}, 30, false}},
		{"a drain of someone who is not there", spec(2), told{"m1": up, "m2": up}, out{"m3": 0}, 0, reply{0, []int{1, 2}, 30, false}},
		{"all down: those not drained", spec(3), told{"m1": down, "m2": down}, out{"m1": 0}, 0, reply{0, []int{2, 3}, 5, true}},
		{"all down: not the lame one, when it is drained", spec(3), told{"m1": lame}, out{"m1": 0}, 0, reply{0, []int{2, 3}, 5, true}},
		{"all down: the dead before the drained", spec(2), told{"m1": up, "m2": down}, out{"m1": 0}, 0, reply{0, []int{2}, 5, true}},
		{"all down: the drained, when no one else is left", spec(2), told{"m1": up, "m2": down}, out{"m1": 0, "m2": 0}, 0, reply{0, []int{1, 2}, 5, true}},
		{"all down: the drained, when the others are blocked", spec(3), told{"m1": up}, out{"m1": 0, "m2": 0}, 3, reply{0, []int{1, 2}, 5, true}},
		{"all down: who is blocked, never", spec(2), told{"m1": up, "m2": up}, out{"m1": 0, "m2": 0}, 1, reply{0, []int{2}, 5, true}},
		{"all down: one that is to be drained is like others", spec(2), told{"m1": down, "m2": down}, out{"m1": 1}, 0, reply{0, []int{1, 2}, 5, true}},
		{"all down: nodata", spec(1, mode(AllDownNodata)), told{"m1": up}, out{"m1": 0}, 0, reply{0, nil, 0, true}},
		{"all down: servfail", spec(1, mode(AllDownServfail)), told{"m1": up}, out{"m1": 0}, 0, reply{dns.RcodeServerFailure, nil, 0, true}},
		{"all down: addresses", spec(2, mode(AllDownAddresses, v4(99))), told{"m1": up}, out{"m1": 0}, 0, reply{0, []int{99}, 5, true}},
		{"all down: addresses, not that of a drained member", spec(2, mode(AllDownAddresses, v4(1), v4(99))), told{"m1": up}, out{"m1": 0}, 0, reply{0, []int{99}, 5, true}},
		{"all down: addresses, unless there is no other", spec(2, mode(AllDownAddresses, v4(1))), told{"m1": up}, out{"m1": 0}, 0, reply{0, []int{1}, 5, true}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			p := newPool(t, tc.spec)
			by := Around{Drains: drains(tc.out)}
			if tc.blocked > 0 {
				by.Blocks = block.NewSet([]block.Entry{{Prefix: netip.PrefixFrom(v4(tc.blocked), 32), Mode: block.Omit}})
			}
			for id, outcomes := range tc.told {
				p.tell(id, outcomes...)
			}
			p.rebuildAround(by)
			if got := p.ask(A); fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// TestDrainIsForBothFamilies: it is the server that is to be stopped.
func TestDrainIsForBothFamilies(t *testing.T) {
	p := newPool(t, spec(2))
	for _, id := range []string{"m1", "m2"} {
		p.tellAt(start, id, []Family{A, AAAA}, pass)
	}
	by := Around{Drains: drains(map[string]time.Duration{"m2": 0})}
	p.rebuildAround(by)
	for f := range Families {
		if got := p.ask(Family(f)); !slices.Equal(got.hosts, []int{1}) || got.allDown {
			t.Errorf("%s: %v, want m1", Family(f), got)
		}
	}
	for i, m := range p.View(by, start).Members {
		for _, a := range m.Addresses {
			if in := i == 0; a.Named != in || a.Eligible != in || m.Drained == in {
				t.Errorf("%+v", m)
			}
		}
	}
}

// TestLeadLowersTTLOnlyWhereNamed: the answers without the member that is to be drained have their TTL.
func TestLeadLowersTTLOnlyWhereNamed(t *testing.T) {
	p := newPool(t, spec(4, func(s *Spec) {
		s.Answers, s.Prefer = 1, Prefer{true, 1}
		s.Members[0].Region, s.Members[1].Region = "eu", "eu"
	}))
	for i := range 4 {
		p.tell(fmt.Sprint("m", i+1), pass)
	}
	p.rebuildAround(Around{Drains: drains(map[string]time.Duration{"m2": time.Second}), Places: places(t)})
	for _, client := range clients {
		ttls := make(map[int]uint32)
		for range 20 {
			hosts, ttl, _ := p.askAs(client, p.Name, start)
			ttls[hosts[0]] = ttl
		}
		for host, ttl := range ttls {
			if low := host == 2; low != (ttl == 5) {
				t.Errorf("an answer that names %d has TTL %d", host, ttl)
			}
		}
		if ttls[2] == 0 {
			t.Error("the member is not answered with before its time has come")
		}
	}
}

func TestExplainDrained(t *testing.T) {
	p := newPool(t, spec(3))
	for _, id := range []string{"m1", "m2", "m3"} {
		p.tell(id, pass)
	}
	const state = "up since 2026-01-02T03:04:05Z"
	for _, tc := range []struct {
		rule   string
		drains map[string]Drain
		in     bool
		stage  string
		why    string
	}{
		{"out", drains(map[string]time.Duration{"m1": -time.Hour}), false, "drained", "drained since 2026-01-02T02:04:05Z"},
		{"out, nobody knows since when", map[string]Drain{"m1": {}}, false, "drained", "drained"},
		{"to be drained", drains(map[string]time.Duration{"m1": time.Hour}), true, "policy",
			state + "; to be drained from 2026-01-02T04:04:05Z on: answers that name it have the low TTL"},
		{"nobody else is left", drains(map[string]time.Duration{"m1": 0, "m2": 0, "m3": 0}), true, "all_down",
			"0 eligible, and min_up is 1: answered as all_down says; " + state + "; drained since 2026-01-02T03:04:05Z"},
	} {
		e := p.Explain(A, Query{Client: anybody}, Around{Drains: tc.drains}, "", 10, start)
		if m := e.Members[0]; m.In != tc.in || m.Stage != tc.stage || m.Why != tc.why {
			t.Errorf("%s: %+v, want %q", tc.rule, m, tc.why)
		}
	}
}

// TestSafeAfter follows a member on its way out.
func TestSafeAfter(t *testing.T) {
	p := newPool(t, spec(2))
	p.tell("m1", pass)
	p.tell("m2", pass)
	ask := func(now time.Time) {
		q := new(dns.Msg)
		q.SetQuestion(p.Name, dns.TypeA)
		p.Reply(answer.NewReply(q), A, Query{Client: anybody}, now)
	}
	check := func(what string, wantNamed bool, wantAt time.Time) {
		t.Helper()
		if at, named, known := p.SafeAfter("m1"); !known || named != wantNamed || !at.Equal(wantAt) {
			t.Errorf("%s: safe after %s, named: %v; want %s, %v", what, at, named, wantAt, wantNamed)
		}
	}
	check("before the first answer", true, start.Add(31*time.Second))
	now := start.Add(time.Hour)
	ask(now)
	check("after an answer", true, now.Add(31*time.Second))

	by := Around{Drains: map[string]Drain{"m1": {Out: now.Add(31 * time.Second)}}}
	p.Rebuild(func() (Around, time.Time) { return by, now })
	ask(now.Add(30 * time.Second))
	check("with low TTLs", true, now.Add(36*time.Second))
	out := now.Add(31 * time.Second)
	p.Rebuild(func() (Around, time.Time) { return by, out })
	ask(out.Add(time.Second))
	check("it is not named in A; AAAA, all down, does without it as well", false, now.Add(36*time.Second))

	p.tell("m2", fail, fail, fail)
	by.Drains["m2"] = Drain{}
	p.Rebuild(func() (Around, time.Time) { return by, out })
	ask(out.Add(time.Second))
	check("nobody else is left", true, out.Add(7*time.Second))

	if _, _, known := p.SafeAfter("m3"); known {
		t.Error("there is no m3")
	}
}

// TestSafeAfterOfFixedAddress: an all_down address may be a member's, and is in caches then too.
func TestSafeAfterOfFixedAddress(t *testing.T) {
	p := newPool(t, spec(2, func(s *Spec) { s.AllDown = AllDown{AllDownAddresses, []netip.Addr{v4(99), v4(1)}} }))
	p.rebuild()
	later := start.Add(time.Hour)
	if hosts, _, _ := p.askAs(anybody, p.Name, later); len(hosts) != 2 {
		t.Fatalf("answer %v", hosts)
	}
	if at, named, _ := p.SafeAfter("m1"); !named || !at.Equal(later.Add(6*time.Second)) {
		t.Errorf("m1 is named: %v, safe after %s", named, at)
	}
	if at, named, _ := p.SafeAfter("m2"); named || at.After(later) {
		t.Errorf("m2 is named: %v, safe after %s", named, at)
	}
}
