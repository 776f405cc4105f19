package pool

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.org/healthlb/plugin/healthlb/health"
)

// result spells what a check says: p a pass, f a failure, x a failure for nothing but expiry, l lame, i inconclusive.
func result(letter rune) Observation {
	o := map[rune]health.Outcome{'p': pass, 'f': fail, 'x': fail, 'l': lameDuck, 'i': health.Inconclusive}[letter]
	return Observation{Outcome: o, Excused: letter == 'x', At: start, Reason: string(letter), Percent: -1}
}

// takeAll has the checks of m1 in the A family take in results, each its own.
func (p *Pool) takeAll(results ...string) (rebuild bool) {
	for i, s := range p.slotsOf("m1", A) {
		for _, letter := range results[i] {
			rebuild = s.Observe(result(letter)).Rebuild
		}
	}
	p.rebuild()
	return rebuild
}

func TestExcused(t *testing.T) {
	for _, tc := range []struct {
		rule    string
		results []string // of each check
		state   health.State
		excused bool
	}{
		{"up", []string{"p"}, health.Up, false},
		{"suspect is not down", []string{"px"}, health.Suspect, false},
		{"down for nothing but expiry", []string{"pxxx"}, health.Down, true},
		{"from the first result on", []string{"x"}, health.Down, true},
		{"a real failure", []string{"pfff"}, health.Down, false},
		{"two real failures of three are not enough to take it down", []string{"pffx"}, health.Down, true},
		{"but three in a row are", []string{"pxxxxfff"}, health.Down, false},
		{"an inconclusive one in between changes nothing", []string{"pxxiix"}, health.Down, true},
		{"refused, and then back with the old certificate: as many times as it takes to come up", []string{"pfffx"}, health.Down, false},
		{"and that often it is excused", []string{"pfffxx"}, health.Down, true},
		{"lame is not excused", []string{"xxxl"}, health.Lame, false},
		{"the other check passes", []string{"p", "pxxx"}, health.Down, true},
		{"the other check is suspect", []string{"pf", "pxxx"}, health.Down, true},
		{"both expired", []string{"x", "x"}, health.Down, true},
		{"the other check has failed", []string{"f", "x"}, health.Down, false},
		{"the other check is lame", []string{"l", "x"}, health.Down, false},
		{"the other check has no result yet", []string{"", "x"}, health.Unknown, false},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			p := newPool(t, spec(1, func(s *Spec) { s.Checks = []Check{{"tls", 443}, {"tls", 444}}[:len(tc.results)] }))
			p.takeAll(tc.results...)
			if got := p.View(Around{}, start).Members[0].Addresses[A]; got.State != tc.state || got.Excused != tc.excused {
				t.Errorf("%s, excused: %v; want %s, %v", got.State, got.Excused, tc.state, tc.excused)
			}
			next := *p.Spec
			q, err := New(&next, p, start)
			if err != nil {
				t.Fatal(err)
			}
			if got := q.View(Around{}, start).Members[0].Addresses[A]; got.State != tc.state || got.Excused != tc.excused {
				t.Errorf("after a reload %s, excused: %v", got.State, got.Excused)
			}
		})
	}
}

// TestExcuses checks for any results: an address that is down is excused just when it would be served if its excused failures were passes;
// and it is told when that changes.
func TestExcuses(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		th := health.Thresholds{Min: rapid.IntRange(1, 4).Draw(r, "min"), Rise: rapid.IntRange(1, 3).Draw(r, "rise")}
		th.Fall = th.Min
		p := newPool(t, spec(1, func(s *Spec) { s.Min, s.Rise = th.Min, th.Rise }))
		record, lenient, was := health.New(), health.New(), false
		for _, letter := range rapid.StringOfN(rapid.SampledFrom([]rune("pfxxli")), 1, 40, -1).Draw(r, "results") {
			o := result(letter)
			record = record.Next(o.Outcome, th)
			if o.Excused {
				o.Outcome = pass
			}
			lenient = lenient.Next(o.Outcome, th)
			rebuild := p.takeAll(string(letter))
			a, is := p.View(Around{}, start).Members[0].Addresses[A], record.State == health.Down && lenient.State.Serving()
			if a.State != record.State || a.Excused != is || is != was && !rebuild {
				r.Fatalf("it is %s, excused: %v, rebuilt: %v; want %s, %v", a.State, a.Excused, rebuild, record.State, is)
			}
			if s := p.slotsOf("m1", A)[0]; (s.lenient == nil) != (lenient == record) {
				r.Fatalf("%+v is kept beside %+v", s.lenient, record)
			}
			was = is
		}
	})
}

// TestExcusedComeBack: the excused are answered with only when too few others are eligible, and then all of them, with the low TTL.
func TestExcusedComeBack(t *testing.T) {
	minUp := func(n int) func(*Spec) { return func(s *Spec) { s.MinUp.N = n } }
	for _, tc := range []struct {
		rule   string
		spec   Spec
		expire []string
		up     []string
		want   reply
		count  int // eligible
	}{
		{"somebody is up", spec(3), []string{"m1", "m2"}, []string{"m3"}, reply{0, []int{3}, 30, false}, 1},
		{"nobody is", spec(3), []string{"m1", "m2"}, nil, reply{0, []int{1, 2}, 5, false}, 2},
		{"too few are", spec(3, minUp(2)), []string{"m1", "m2"}, []string{"m3"}, reply{0, []int{1, 2, 3}, 5, false}, 3},
		{"too few are all the same", spec(4, minUp(3)), []string{"m1"}, []string{"m2"}, reply{0, []int{1, 2, 3, 4}, 5, true}, 2},
		{"a standby is enough", spec(2, func(s *Spec) { s.Members[1].Weight = 0 }), []string{"m1"}, []string{"m2"}, reply{0, []int{2}, 30, false}, 1},
		{"all down is answered with nothing, but not for expiry", spec(1, func(s *Spec) { s.AllDown.Mode = AllDownNodata }), []string{"m1"}, nil,
			reply{0, []int{1}, 5, false}, 1},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			p := newPool(t, tc.spec)
			for _, id := range tc.up {
				p.tell(id, pass)
			}
			for _, id := range tc.expire {
				for range 3 {
					p.slotsOf(id, A)[0].Observe(result('x'))
				}
			}
			p.rebuild()
			got := p.ask(A)
			if !slices.Equal(got.hosts, tc.want.hosts) || got.ttl != tc.want.ttl || got.allDown != tc.want.allDown {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if v := p.View(Around{}, start).Families[A]; v.Eligible != tc.count {
				t.Errorf("%d count for min_up, want %d", v.Eligible, tc.count)
			}
		})
	}
}

// TestExplainExcused says why they are in, and why they are not.
func TestExplainExcused(t *testing.T) {
	p := newPool(t, spec(2))
	p.slotsOf("m1", A)[0].Observe(Observation{Outcome: fail, Excused: true, At: start, Reason: "the certificate has run out"})
	const state = "down since 2026-01-02T03:04:05Z: the certificate has run out"
	look := func(by Around) Explained {
		p.rebuildAround(by)
		return p.Explain(A, Query{Client: anybody}, by, "", 10, start).Members[0]
	}
	if got := look(Around{}); !got.In || got.Stage != "policy" || got.Why != state+"; excused: without it fewer than min_up, 1, would be eligible" {
		t.Errorf("nobody else is left: %+v", got)
	}
	p.slotsOf("m2", A)[0].Observe(result('p'))
	if got := look(Around{}); got.In || got.Stage != "excused" || got.Why != state+"; it would count if fewer than min_up, 1, were eligible" {
		t.Errorf("another is up: %+v", got)
	}
	p.slotsOf("m1", A)[0].SetStale(true)
	p.slotsOf("m2", A)[0].SetStale(true)
	if got := look(Around{Drains: drains(map[string]time.Duration{"m2": 0})}); !got.In ||
		got.Why != state+"; excused: without it fewer than min_up, 1, would be eligible; its probes are late, so that this may be old" {
		t.Errorf("the other is drained: %+v", got)
	}
}

// TestCompareExcused: a change that leaves nobody but the excused does not take the family down.
func TestCompareExcused(t *testing.T) {
	p := newPool(t, spec(2))
	p.slotsOf("m1", A)[0].Observe(result('x'))
	p.slotsOf("m2", A)[0].Observe(result('p'))
	p.rebuild()
	effects := p.Compare(Around{}, Around{Drains: drains(map[string]time.Duration{"m2": 0})}, "", start)
	if e := effects[0]; e.Before != 1 || e.After != 1 || !e.NamesAfter {
		t.Errorf("the effect is %+v", e)
	}
}
