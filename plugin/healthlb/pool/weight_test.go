package pool

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/policy"
)

// says has a check of a member take in a result that asks for a percentage of its weight; -1: it says nothing of it.
func (p *Pool) says(id string, f Family, check int, o health.Outcome, percent int) (rebuild bool) {
	return p.slotsOf(id, f)[check].Observe(Observation{Outcome: o, Percent: percent, At: start}).Rebuild
}

// TestWeigh goes through what the checks of one member of weight 50 say.
func TestWeigh(t *testing.T) {
	type said struct {
		family  Family
		check   int
		outcome health.Outcome
		percent int
	}
	for _, tc := range []struct {
		rule   string
		weight int
		said   []said
		want   int
	}{
		{"nothing", 50, nil, 50},
		{"a half", 50, []said{{A, 0, pass, 50}}, 25},
		{"it is rounded", 50, []said{{A, 0, pass, 33}}, 17},
		{"to one at least", 50, []said{{A, 0, pass, 1}}, 1},
		{"more than the whole", 50, []said{{A, 0, pass, 300}}, 150},
		{"up to the largest weight", 50, []said{{A, 0, pass, math.MaxInt}}, 65535},
		{"a standby stays one", 0, []said{{A, 0, pass, 300}}, 0},
		{"the smallest of several checks", 50, []said{{A, 0, pass, 40}, {A, 1, pass, 20}, {A, 0, pass, 80}}, 10},
		{"and of both families", 50, []said{{A, 0, pass, 40}, {AAAA, 1, pass, 20}}, 10},
		{"the other way round", 50, []said{{A, 0, pass, 20}, {AAAA, 1, pass, 40}}, 10},
		{"of both, but for the lame", 50, []said{{A, 0, lameDuck, 0}, {AAAA, 1, pass, 40}}, 20},
		{"something else", 50, []said{{A, 0, pass, 40}, {A, 0, pass, 60}}, 30},
		{"nothing any more", 50, []said{{A, 0, pass, 40}, {A, 0, pass, -1}}, 50},
		{"a check that says nothing beside one that does", 50, []said{{A, 0, pass, 40}, {A, 1, pass, -1}}, 20},
		{"a failure is no word of the member's", 50, []said{{A, 0, pass, 40}, {A, 0, fail, -1}, {A, 0, fail, 0}}, 20},
		{"nor is an inconclusive result", 50, []said{{A, 0, pass, 40}, {A, 0, health.Inconclusive, -1}}, 20},
		{"unless it says so", 50, []said{{A, 0, pass, 40}, {A, 0, fail, 60}}, 30},
		{"none at all is lame, and has no weight to be told of", 50, []said{{A, 0, pass, 40}, {A, 0, lameDuck, 0}}, 50},
		{"an observation that leaves it out", 50, []said{{A, 0, pass, 0}}, 50},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			p := newPool(t, spec(2, func(s *Spec) {
				s.Policy.Name, s.Checks = "weighted", []Check{{"agent", 80}, {"agent", 81}}
				s.Members[0].Weight = tc.weight
			}))
			before := tc.weight
			for _, said := range tc.said {
				rebuild := p.says("m1", said.family, said.check, said.outcome, said.percent)
				now := p.View(Around{}, start).Members[0].Weighs
				if now != before && !rebuild {
					t.Errorf("after %v it weighs %d and not %d, and no rebuild is due", said, now, before)
				}
				before = now
			}
			if before != tc.want {
				t.Errorf("it weighs %d, want %d", before, tc.want)
			}
			if got := p.View(Around{}, start).Members[1].Weighs; got != 1 {
				t.Errorf("the other weighs %d", got)
			}
			next := *p.Spec
			q, err := New(&next, p, start)
			if err != nil {
				t.Fatal(err)
			}
			if got := q.View(Around{}, start).Members[0].Weighs; got != tc.want {
				t.Errorf("after a reload it weighs %d, want %d", got, tc.want)
			}
			members := p.Members()
			members[0].Priority = 7 // so that it is made anew
			p.SetMembers(members, start)
			if got := p.View(Around{}, start).Members[0].Weighs; got != tc.want {
				t.Errorf("as a changed member it weighs %d, want %d", got, tc.want)
			}
		})
	}
}

// TestPercent: what there is to see of an address is the smallest that was said there.
func TestPercent(t *testing.T) {
	p := newPool(t, spec(1, func(s *Spec) { s.Checks = []Check{{"agent", 80}, {"agent", 81}} }))
	check := func(want int) {
		t.Helper()
		a := p.View(Around{}, start).Members[0].Addresses
		if a[A].Percent != want || a[AAAA].Percent != -1 {
			t.Errorf("%d%% and %d%%, want %d%% and nothing", a[A].Percent, a[AAAA].Percent, want)
		}
	}
	check(-1)
	p.says("m1", A, 0, pass, -1)
	check(-1)
	p.says("m1", A, 1, pass, 70)
	check(70)
	p.says("m1", A, 0, lameDuck, 0)
	check(0)
	p.says("m1", A, 0, pass, 200)
	check(70)
}

// TestPercentInAnswers: every policy that weighs has answers follow, in both families alike; the others need no rebuild.
func TestPercentInAnswers(t *testing.T) {
	for _, s := range []policy.Spec{
		{Name: "weighted"}, {Name: "hash"}, {Name: "hash", Factor: 1.25}, {Name: "least"}, {Name: "weighted", Shard: 3}, {Name: "hash", Shard: 3},
		{Name: "round_robin"}, {Name: "random"}, {Name: "failover"},
	} {
		for _, region := range []string{"", "eu"} {
			t.Run(fmt.Sprintf("%s factor %g shard %d %s", s.Name, s.Factor, s.Shard, region), func(t *testing.T) {
				s.Bits4, s.Bits6 = 24, 56
				p := newPool(t, spec(4, func(sp *Spec) {
					sp.Policy, sp.Answers, sp.Prefer = s, 1, Prefer{region != "", 1}
					for i := range sp.Members {
						sp.Members[i].Weight, sp.Members[i].Region, sp.Members[i].Priority = 100, "eu", 1
					}
				}))
				now := start
				share := func() float64 {
					now = now.Add(time.Hour) // caches hold nothing from before
					p.rebuildAt(now)
					named := 0
					const queries = 8000
					for i := range queries {
						if hosts, _, _ := p.askWith(Query{Client: clientNumber(i), Name: p.Name, Region: region}, now); hosts[0] == 1 {
							named++
						}
					}
					return float64(named) / queries
				}
				for _, id := range []string{"m1", "m2", "m3", "m4"} {
					p.tellAt(start, id, []Family{A, AAAA}, pass)
				}
				before := share()
				rebuild := p.says("m1", A, 0, pass, 25)
				if rebuild != s.Weighs() {
					t.Errorf("a rebuild is due: %v", rebuild)
				}
				// A quarter of the weight of each of the others.
				want := 0.25 / 3.25
				if !s.Weighs() {
					want = before
				}
				if got := share(); math.Abs(got-want) > 0.03 {
					t.Errorf("with 25%% its share is %.3f, want %.3f", got, want)
				}
				v := p.View(Around{}, start)
				for f := range Families {
					if got := v.Members[0].Addresses[f].Configured; s.Weighs() && math.Abs(got-want) > 1e-9 {
						t.Errorf("%s: configured is a share of %.3f, want %.3f", Family(f), got, want)
					}
				}
				if p.says("m1", A, 0, pass, 25) {
					t.Error("the same again has the pool rebuilt")
				}
				p.says("m1", A, 0, pass, -1)
				if got := share(); math.Abs(got-before) > 0.03 {
					t.Errorf("with its whole weight again its share is %.3f, before %.3f", got, before)
				}
			})
		}
	}
}

// TestPercentMakesNoStandby: weight by percent never makes a member one, and with 0% it is lame.
func TestPercentMakesNoStandby(t *testing.T) {
	p := newPool(t, spec(2, func(s *Spec) { s.Policy.Name, s.Answers = "weighted", 0 }))
	p.says("m1", A, 0, pass, 1)
	p.says("m2", A, 0, pass, -1)
	p.rebuild()
	if got := p.ask(A); !slices.Equal(got.hosts, []int{1, 2}) {
		t.Errorf("1%% of a weight of 1: %v", got)
	}
	if !p.says("m1", A, 0, lameDuck, 0) {
		t.Error("lame, and no rebuild is due")
	}
	p.rebuild()
	if got := p.ask(A); !slices.Equal(got.hosts, []int{2}) {
		t.Errorf("0%%: %v", got)
	}
	p.tell("m2", fail, fail, fail)
	if got := p.ask(A); !slices.Equal(got.hosts, []int{1}) || !got.allDown {
		t.Errorf("nobody else is left: %v", got)
	}
}

// TestRingsRest: rings are not made anew without a rest, but in the end the weights are what members ask for.
func TestRingsRest(t *testing.T) {
	for _, s := range []policy.Spec{{Name: "hash"}, {Name: "weighted", Shard: 2}, {Name: "weighted"}} {
		p := newPool(t, spec(10, func(sp *Spec) { sp.Policy, sp.Members[0].Weight = s, 100 }))
		rings := s.Name == "hash" || s.Shard > 0
		// 10 members have a rest of 1.4 ms.
		for _, step := range []struct {
			after time.Duration
			waits bool
		}{{0, false}, {time.Millisecond, rings}, {1400 * time.Microsecond, false}, {2 * time.Millisecond, rings}, {time.Second, false}} {
			p.says("m1", A, 0, pass, 1+int(step.after.Milliseconds()))
			if again := p.rebuildAt(start.Add(step.after)); again != step.waits {
				t.Errorf("%v: %s later the change waits: %v", s, step.after, again)
			}
		}
		if p.rebuildAt(start.Add(time.Minute)) || p.reweigh {
			t.Errorf("%v: in the end it waits still", s)
		}
	}
}

// BenchmarkRegroup measures the Rebuild that a change of one percentage among 10,000 members brings with it.
func BenchmarkRegroup(b *testing.B) {
	for _, name := range []string{"weighted", "least", "hash"} {
		b.Run(name, func(b *testing.B) {
			s := spec(0, func(s *Spec) { s.Policy = policy.Spec{Name: name, Bits4: 24, Bits6: 56} })
			for i := range 10000 {
				s.Members = append(s.Members, Member{ID: fmt.Sprint("m", i), V4: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), Weight: 100})
			}
			p := newPool(b, s)
			slots := p.Slots()
			for _, s := range slots {
				s.Observe(Observation{Outcome: pass, At: start})
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				slots[i%100].Observe(Observation{Outcome: pass, At: start, Percent: 1 + i/100%100})
				p.rebuildAt(start.Add(time.Duration(i) * time.Hour))
			}
		})
	}
}

// TestWeightsAreDivisible has a member of weight 1 ask for a half in a pool where that may be.
func TestWeightsAreDivisible(t *testing.T) {
	for _, tc := range []struct{ one, other, wantOne, wantOther int }{
		{1, 1, 50, 100}, {0, 1, 0, 100}, {1, 655, 50, 65500}, {1, 656, 50, 64944}, {2, 65535, 1, 65535},
	} {
		p := newPool(t, spec(2, func(s *Spec) {
			s.Policy.Name, s.Checks, s.Percents = "weighted", []Check{{"agent", 80}}, true
			s.Members[0].Weight, s.Members[1].Weight = tc.one, tc.other
		}))
		p.says(p.Members()[0].ID, A, 0, pass, 50)
		v := p.View(Around{}, start)
		if got := [2]int{v.Members[0].Weighs, v.Members[1].Weighs}; got != [2]int{tc.wantOne, tc.wantOther} {
			t.Errorf("weights %d and %d: got %v, want %d and %d", tc.one, tc.other, got, tc.wantOne, tc.wantOther)
		}
	}
}
