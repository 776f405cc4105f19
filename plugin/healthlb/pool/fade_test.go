package pool

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/policy"
)

var oneMinute = FadeIn{Over: time.Minute, Exponent: 1}

// tellAt has the slots of a member observe outcomes at a moment, in the families given.
func (p *Pool) tellAt(now time.Time, id string, families []Family, outcomes ...health.Outcome) {
	for _, s := range p.Slots() {
		if s.member.ID == id && slices.Contains(families, s.family) {
			for _, o := range outcomes {
				s.Observe(Observation{Outcome: o, At: now})
			}
		}
	}
}

func (p *Pool) rebuildAt(now time.Time) (fading bool) {
	_, fading = p.Rebuild(func() (Around, time.Time) { return Around{}, now })
	return fading
}

func (p *Pool) fadeOf(f Family, id string, now time.Time) float64 {
	for _, m := range p.View(Around{}, now).Members {
		for _, a := range m.Addresses {
			if m.ID == id && a.Family == f {
				return a.Fade
			}
		}
	}
	return -1
}

func TestFadeInOf(t *testing.T) {
	for _, tc := range []struct {
		exponent float64
		age      time.Duration
		want     float64
	}{
		{1, -time.Second, 0.01}, {1, 0, 0.01}, {1, 6 * time.Second, 0.1}, {1, 30 * time.Second, 0.5}, {1, time.Minute, 1}, {1, time.Hour, 1},
		{2, 30 * time.Second, 0.25}, {2, 3 * time.Second, 0.01}, {0.5, 15 * time.Second, 0.5},
	} {
		if got := (FadeIn{time.Minute, tc.exponent}).Of(tc.age); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("exponent %g, age %s: %g, want %g", tc.exponent, tc.age, got, tc.want)
		}
	}
}

func TestWhoFadesIn(t *testing.T) {
	both := []Family{A, AAAA}
	fadingPool := func() *Pool {
		p := newPool(t, spec(2, func(s *Spec) { s.FadeIn = oneMinute }))
		for _, id := range []string{"m1", "m2"} {
			p.tellAt(start, id, both, pass)
		}
		return p
	}
	at := start.Add(time.Hour)
	t.Run("nobody at the start", func(t *testing.T) {
		p := fadingPool()
		if p.rebuildAt(start) || p.fadeOf(A, "m1", start) != 1 {
			t.Error("a member fades in at the start of the process")
		}
	})
	t.Run("who was down", func(t *testing.T) {
		p := fadingPool()
		p.tellAt(at, "m1", both, fail, fail, fail)
		p.tellAt(at, "m1", both, pass, pass)
		if !p.rebuildAt(at) || p.fadeOf(A, "m1", at) != 0.01 || p.fadeOf(A, "m2", at) != 1 {
			t.Error("the member that came up does not fade in, or another does")
		}
		if p.rebuildAt(at.Add(time.Minute)) {
			t.Error("it still does when its time is over")
		}
	})
	t.Run("who was lame", func(t *testing.T) {
		p := fadingPool()
		p.tellAt(at, "m1", both, lameDuck)
		p.tellAt(at, "m1", both, pass)
		if p.fadeOf(A, "m1", at) != 0.01 {
			t.Error("a lame member that wants traffic again does not fade in")
		}
	})
	t.Run("a suspect does not", func(t *testing.T) {
		p := fadingPool()
		p.tellAt(at, "m1", both, fail, pass)
		if p.fadeOf(A, "m1", at) != 1 {
			t.Error("a member that was never out fades in")
		}
	})
	t.Run("both families together", func(t *testing.T) {
		p := fadingPool()
		p.tellAt(at, "m1", both, fail, fail, fail)
		p.tellAt(at, "m1", []Family{A}, pass, pass)
		later := at.Add(20 * time.Second)
		p.tellAt(later, "m1", []Family{AAAA}, pass, pass)
		if a, b := p.fadeOf(A, "m1", later), p.fadeOf(AAAA, "m1", later); a != b || math.Abs(a-1./3) > 1e-9 {
			t.Errorf("A has %g of its share, AAAA %g; want a third both", a, b)
		}
		p.tellAt(at.Add(time.Hour), "m1", []Family{AAAA}, fail, fail, fail, pass, pass)
		if p.fadeOf(AAAA, "m1", at.Add(time.Hour)) != 1 {
			t.Error("a server that was up in the other family all the time fades in")
		}
	})
	t.Run("a reload goes on where it was", func(t *testing.T) {
		p := fadingPool()
		p.tellAt(at, "m1", both, fail, fail, fail)
		p.tellAt(at, "m1", both, pass, pass)
		next := spec(3, func(s *Spec) { s.FadeIn = oneMinute })
		q, err := New(&next, p, at)
		if err != nil {
			t.Fatal(err)
		}
		later := at.Add(30 * time.Second)
		if got := q.fadeOf(A, "m1", later); math.Abs(got-0.5) > 1e-9 || q.fadeOf(A, "m2", later) != 1 {
			t.Errorf("after a reload m1 has %g of its share, want a half; m2 all", got)
		}
		q.tellAt(later, "m3", both, pass)
		if q.fadeOf(A, "m3", later) != 0.01 {
			t.Error("a new member of a pool that was there before does not fade in")
		}
	})
	t.Run("a reload with another fade_in", func(t *testing.T) {
		p := fadingPool()
		p.tellAt(at, "m1", both, fail, fail, fail)
		p.tellAt(at, "m1", both, pass, pass)
		later := at.Add(2 * time.Minute)
		next := spec(2, func(s *Spec) { s.FadeIn = FadeIn{time.Hour, 1} })
		q, err := New(&next, p, later)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.fadeOf(A, "m1", later); got != 1 {
			t.Errorf("a member that had its whole share before has %g of it after", got)
		}
	})
	t.Run("new members of a file", func(t *testing.T) {
		p := fadingPool()
		p.SetMembers(spec(3).Members, at)
		p.tellAt(at, "m3", both, pass)
		if p.fadeOf(A, "m3", at) != 0.01 || p.fadeOf(A, "m1", at) != 1 {
			t.Error("the new member does not fade in, or an old one does")
		}
	})
	t.Run("a check that is another one now", func(t *testing.T) {
		p := fadingPool()
		next := spec(2, func(s *Spec) { s.FadeIn, s.Checks = oneMinute, []Check{{"tcp", 81}} })
		q, err := New(&next, p, at)
		if err != nil {
			t.Fatal(err)
		}
		q.tellAt(at, "m1", both, pass)
		if q.fadeOf(A, "m1", at) != 1 {
			t.Error("a member that was there before fades in because its check is new")
		}
	})
}

// TestFadingAnswers: in every policy a member that comes up is named in more and more of the answers, gets the low TTL for as long, and a
// lone one is served at once.
func TestFadingAnswers(t *testing.T) {
	for _, name := range policy.Names {
		for _, k := range []int{1, 2, 4} {
			t.Run(fmt.Sprintf("%s/answers=%d", name, k), func(t *testing.T) {
				p := newPool(t, spec(4, func(s *Spec) {
					s.Policy, s.Answers, s.FadeIn = policy.Spec{Name: name, Bits4: 24, Bits6: 56}, k, oneMinute
					for i := range s.Members {
						s.Members[i].Priority = 1
					}
				}))
				for _, id := range []string{"m1", "m2", "m3", "m4"} {
					p.tellAt(start, id, []Family{A}, pass)
				}
				at := start.Add(time.Hour)
				p.tellAt(at, "m1", []Family{A}, fail, fail, fail, pass, pass)
				const queries = 4000
				last := -1.0
				for _, age := range []time.Duration{0, 6 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute} {
					now := at.Add(age)
					p.rebuildAt(now)
					named, names := 0, 0
					for i := range queries {
						client := clientNumber(i)
						hosts, ttl, _ := p.askAs(client, p.Name, now)
						names += len(hosts)
						if slices.Contains(hosts, 1) {
							named++
							if want := p.ttls().Of(age < time.Minute); ttl != want {
								t.Fatalf("after %s: an answer that names it has the TTL %d, want %d", age, ttl, want)
							}
						}
					}
					share := float64(named) / float64(names)
					// 4,000 queries: three standard deviations of a share are below 0.025.
					if share < last-0.04 {
						t.Errorf("after %s: share %.3f, before that %.3f", age, share, last)
					}
					if age == 0 && share > 0.05 {
						t.Errorf("at once: share %.3f, want next to nothing", share)
					}
					last = share
				}
				whole := map[string]float64{"failover": 1. / float64(k)}[name]
				if whole == 0 {
					whole = 0.25
				}
				// Under least it gets more at first, since caches hold more answers with the others.
				if math.Abs(last-whole) > 0.07 && name != "least" {
					t.Errorf("in the end: share %.3f, want about %.2f", last, whole)
				}
				for _, id := range []string{"m2", "m3", "m4"} {
					p.tellAt(at, id, []Family{A}, fail, fail, fail)
				}
				p.tellAt(at, "m1", []Family{A}, fail, fail, fail, pass, pass)
				p.rebuildAt(at)
				for range 50 {
					if hosts, _, _ := p.askAs(anybody, p.Name, at); !slices.Equal(hosts, []int{1}) {
						t.Fatalf("a lone member that came up just now: the answer names %v", hosts)
					}
				}
			})
		}
	}
}

// clientNumber returns a client in a network of its own.
func clientNumber(i int) answer.Client {
	return answer.ClientIn(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
}

func (p *Pool) ttls() answer.TTLs { return answer.TTLs{Normal: p.TTL, Low: p.LowTTL} }

// TestHashClientsCrossOnce: under hash a client goes to a member that fades in at one moment, and stays; no other client moves.
func TestHashClientsCrossOnce(t *testing.T) {
	p := newPool(t, spec(4, func(s *Spec) {
		s.Policy, s.Answers, s.FadeIn = policy.Spec{Name: "hash", Bits4: 24, Bits6: 56}, 1, oneMinute
	}))
	for _, id := range []string{"m1", "m2", "m3", "m4"} {
		p.tellAt(start, id, []Family{A, AAAA}, pass)
	}
	at := start.Add(time.Hour)
	p.tellAt(at, "m1", []Family{A, AAAA}, fail, fail, fail)
	clients := make([]answer.Client, 500)
	was := make([]int, len(clients))
	p.rebuildAt(at)
	for i := range clients {
		clients[i] = clientNumber(i)
		hosts, _, _ := p.askAs(clients[i], p.Name, at)
		was[i] = hosts[0]
	}
	p.tellAt(at, "m1", []Family{A, AAAA}, pass, pass)
	for age := time.Duration(0); age <= time.Minute; age += time.Second {
		p.rebuildAt(at.Add(age))
		for i, client := range clients {
			hosts, _, did := p.askAs(client, p.Name, at)
			if hosts[0] != was[i] && hosts[0] != 1 || did.Scope != 24 {
				t.Fatalf("after %s client %d moved from %d to %d; scope %d", age, i, was[i], hosts[0], did.Scope)
			}
			was[i] = hosts[0]
		}
	}
}

// TestPairs: under hash, shard and failover, with answers of one and of several, A and AAAA of one client name the same members wherever
// both families are eligible; and a family that has an eligible member is never without an answer.
func TestPairs(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(r, "n")
		p := newPool(t, spec(n, func(s *Spec) {
			s.Policy = policy.Spec{Name: rapid.SampledFrom([]string{"hash", "failover", "hash", "round_robin"}).Draw(r, "policy"), Bits4: 24, Bits6: 56}
			s.Answers, s.FadeIn = rapid.IntRange(1, n).Draw(r, "answers"), oneMinute
			if s.Policy.Name == "round_robin" || rapid.Bool().Draw(r, "sharded") {
				s.Policy.Shard = rapid.IntRange(1, n).Draw(r, "shard")
				s.Answers = s.Policy.Shard
			}
			for i := range s.Members {
				s.Members[i].Weight = rapid.IntRange(1, 3).Draw(r, "weight")
				s.Members[i].Priority = rapid.SampledFrom([]int{0, 1}).Draw(r, "priority")
			}
		}))
		later := start.Add(time.Hour)
		able := [Families]map[int]bool{{}, {}}
		for i := range n {
			id := fmt.Sprint("m", i+1)
			switch rapid.IntRange(0, 4).Draw(r, "state") {
			case 0:
				p.tellAt(start, id, []Family{A, AAAA}, fail)
			case 1:
				p.tellAt(start, id, []Family{A}, pass)
				p.tellAt(start, id, []Family{AAAA}, fail)
				able[A][i] = true
			case 2: // comes up, one family after the other
				p.tellAt(start, id, []Family{A, AAAA}, fail)
				p.tellAt(later, id, []Family{A, AAAA}, pass, pass)
				able[A][i], able[AAAA][i] = true, true
			default:
				p.tellAt(start, id, []Family{A, AAAA}, pass)
				able[A][i], able[AAAA][i] = true, true
			}
		}
		if rapid.Bool().Draw(r, "percent") {
			f := rapid.SampledFrom([]Family{A, AAAA}).Draw(r, "family")
			p.slotsOf("m1", f)[0].Observe(Observation{Outcome: pass, Percent: rapid.IntRange(1, 300).Draw(r, "percent"), At: later})
			able[f][0] = p.slotsOf("m1", f)[0].record.State.Serving()
			if !able[f][0] {
				delete(able[f], 0)
			}
		}
		p.rebuildAt(later.Add(20 * time.Second))
		for i := range 20 {
			client := clientNumber(i)
			var hosts [Families][]string
			for f := range Families {
				e := p.Explain(Family(f), Query{Client: client, Name: p.Name}, Around{Blocks: block.NewSet(nil)}, "", 0, start)
				for _, addr := range e.Answer {
					b := addr.As16()
					hosts[f] = append(hosts[f], fmt.Sprint("m", int(b[15])))
				}
				if len(able[f]) > 0 && (len(hosts[f]) == 0 || e.AllDown) {
					r.Fatalf("%s has eligible members and no answer", Family(f))
				}
			}
			if len(able[A]) == len(able[AAAA]) && len(able[A]) > 0 { // the same members are eligible in both
				slices.Sort(hosts[A])
				slices.Sort(hosts[AAAA])
				if !slices.Equal(hosts[A], hosts[AAAA]) {
					r.Fatalf("A names %v, AAAA %v", hosts[A], hosts[AAAA])
				}
			}
		}
	})
}

// TestLeastFadesInSteadily goes through a whole fading in second by second, with the leases that answers leave: under least the member's
// share grows to that of the others, and not beyond it, although answers that name it have the low TTL.
func TestLeastFadesInSteadily(t *testing.T) {
	p := newPool(t, spec(4, func(s *Spec) {
		s.Policy, s.Answers, s.FadeIn = policy.Spec{Name: "least"}, 1, oneMinute
		s.TTL, s.LowTTL = 6, 1
	}))
	for _, id := range []string{"m1", "m2", "m3", "m4"} {
		p.tellAt(start, id, []Family{A}, pass)
	}
	at := start.Add(time.Hour)
	p.tellAt(at, "m1", []Family{A}, fail, fail, fail, pass, pass)
	last := 0.0
	for block := range 8 { // of ten seconds each
		const perSecond = 400
		named := 0
		for second := range 10 {
			now := at.Add(time.Duration(10*block+second) * time.Second)
			p.rebuildAt(now)
			for range perSecond {
				if hosts, _, _ := p.askAs(anybody, p.Name, now); hosts[0] == 1 {
					named++
				}
			}
		}
		share := float64(named) / (10 * perSecond)
		// 4,000 queries, of which leases even out the most of chance: 0.03 is four standard deviations of a share without them.
		if share < last-0.03 || share > 0.25+0.03 {
			t.Errorf("from %d s on: share %.3f, before that %.3f", 10*block, share, last)
		}
		last = share
	}
	if math.Abs(last-0.25) > 0.03 {
		t.Errorf("in the end: share %.3f, want 0.25", last)
	}
}

// TestLeastDoesNotFavourSuspects: an answer that names a member in doubt has the low TTL, but that does not make it look idle.
func TestLeastDoesNotFavourSuspects(t *testing.T) {
	p := newPool(t, spec(4, func(s *Spec) { s.Policy, s.Answers = policy.Spec{Name: "least"}, 1 }))
	for _, id := range []string{"m1", "m2", "m3", "m4"} {
		p.tellAt(start, id, []Family{A}, pass)
	}
	p.tellAt(start, "m1", []Family{A}, fail)
	p.rebuildAt(start)
	named := 0
	for i := range 6000 {
		if hosts, _, _ := p.askAs(anybody, p.Name, start.Add(time.Duration(i)*10*time.Millisecond)); hosts[0] == 1 {
			named++
		}
	}
	if share := float64(named) / 6000; math.Abs(share-0.25) > 0.03 {
		t.Errorf("a suspect has a share of %.3f, want 0.25", share)
	}
}
