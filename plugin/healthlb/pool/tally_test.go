package pool

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"example.org/healthlb/plugin/healthlb/answer"
)

// pack asks for a packed reply, and returns the last bytes of its addresses in their order.
func (p *Pool) pack(tb rapid.TB, f Family, t *Tally) (hosts []int) {
	q := new(dns.Msg).SetQuestion(p.Name, [Families]uint16{dns.TypeA, dns.TypeAAAA}[f])
	q.SetEdns0(4096, false)
	reply, ok := answer.Pack(q, p.Name, nil)
	if !ok {
		tb.Fatal("no packed reply")
	}
	defer reply.Free()
	if _, ok := p.Pack(reply, f, Query{Client: anybody}, start, t); !ok {
		tb.Fatal("the pool makes no packed reply")
	}
	m := new(dns.Msg)
	if err := m.Unpack(reply.End(0)); err != nil {
		tb.Fatal(err)
	}
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			hosts = append(hosts, int(rr.A[3]))
		case *dns.AAAA:
			hosts = append(hosts, int(rr.AAAA[15]))
		}
	}
	return hosts
}

// TestTally: whatever several tallies keep, and whenever they flush, in the end all is counted that was answered.
func TestTally(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pools []*Pool
		for i, policy := range []string{"round_robin", "weighted", "random", "least", "round_robin", "round_robin", "round_robin"} {
			s := spec(3, func(s *Spec) { s.Name, s.Policy.Name, s.Answers = fmt.Sprintf("p%d.example.org.", i), policy, 2 })
			switch i {
			case 4:
				s.Members[0].Weight = 4
			case 5:
				s.MinUp.N = 4 // all_down
			case 6:
				for m := range s.Members {
					s.Members[m].V6 = netip.Addr{} // NODATA
				}
			}
			p, err := New(&s, nil, start)
			if err != nil {
				t.Fatal(err)
			}
			for _, slot := range p.Slots() {
				slot.Observe(Observation{Outcome: pass, At: start})
			}
			p.rebuild()
			pools = append(pools, p)
		}
		tallies := make([]*Tally, rapid.IntRange(1, 3).Draw(t, "tallies"))
		for i := range tallies {
			tallies[i] = new(Tally)
		}
		asked, named := make([]uint64, len(pools)), make([]map[int]uint64, len(pools))
		t.Repeat(map[string]func(*rapid.T){
			"ask": func(t *rapid.T) {
				at := rapid.IntRange(0, len(pools)-1).Draw(t, "pool")
				f, tally := Family(rapid.IntRange(0, 1).Draw(t, "family")), tallies[rapid.IntRange(0, len(tallies)-1).Draw(t, "tally")]
				for range rapid.IntRange(1, 9).Draw(t, "times") {
					asked[at]++
					for _, host := range pools[at].pack(t, f, tally) {
						if named[at] == nil {
							named[at] = make(map[int]uint64)
						}
						named[at][host+1000*int(f)]++
					}
				}
			},
			"flush":   func(t *rapid.T) { tallies[rapid.IntRange(0, len(tallies)-1).Draw(t, "tally")].Flush() },
			"rebuild": func(t *rapid.T) { pools[rapid.IntRange(0, len(pools)-1).Draw(t, "pool")].rebuild() },
		})
		for _, tally := range tallies {
			tally.Flush()
		}
		for i, p := range pools {
			if got := p.stats.Answers.Load(); got != asked[i] {
				t.Fatalf("%s: %d answers counted of %d", p.Name, got, asked[i])
			}
			if allDown := p.stats.AllDownAnswers.Load(); allDown != 0 && allDown != asked[i] || (p.MinUp.N > 3) != (allDown > 0) && asked[i] > 0 {
				t.Fatalf("%s: %d all_down answers counted of %d", p.Name, allDown, asked[i])
			}
			for _, m := range p.members {
				for f, a := range m.addresses {
					if a == nil {
						continue
					}
					host := int(a.addr.AsSlice()[len(a.addr.AsSlice())-1]) + 1000*f
					if got, want := a.usage.answers.Load(), named[i][host]; got != want {
						t.Fatalf("%s: %v named %d times, counted %d", p.Name, a.addr, want, got)
					}
				}
			}
		}
	})
}

// TestTallyTurns: one loop takes turns as all do together, whenever it flushes.
func TestTallyTurns(t *testing.T) {
	p, tally := newPool(t, spec(5, func(s *Spec) { s.Answers = 1 })), new(Tally)
	last := p.pack(t, A, nil)[0]
	for i := range 100 {
		next := p.pack(t, A, tally)[0]
		if next != last%5+1 {
			t.Fatalf("query %d: %d after %d", i, next, last)
		}
		if last = next; i%7 == 3 {
			tally.Flush()
		}
	}
}

// TestTalliesInStep: loops that take the same turns again and again leave nobody out.
func TestTalliesInStep(t *testing.T) {
	for members := 2; members <= 8; members++ {
		p := newPool(t, spec(members, func(s *Spec) { s.Answers = 1 }))
		for _, s := range p.Slots() {
			s.Observe(Observation{Outcome: pass, At: start})
		}
		p.rebuild()
		loops, named := [2]Tally{}, make(map[int]int)
		const rounds = 1000
		for range rounds {
			for i := range loops {
				for range members / 2 {
					named[p.pack(t, A, &loops[i])[0]]++
				}
			}
			for i := range loops {
				loops[i].Flush()
			}
		}
		mean := 2 * (members / 2) * rounds / members
		for host := 1; host <= members; host++ {
			if n := named[host]; n < mean*7/10 || n > mean*13/10 { // nine times the standard deviation and more
				t.Errorf("%d members: member %d named %d times of %d", members, host, n, mean)
			}
		}
	}
}

// TestTalliesAtOnce: loops that answer at once do not get in each other's way; for the race detector.
func TestTalliesAtOnce(t *testing.T) {
	p := newPool(t, spec(4))
	var loops sync.WaitGroup
	for range 4 {
		loops.Go(func() {
			tally := new(Tally)
			for i := range 500 {
				p.pack(t, Family(i&1), tally)
				if i%50 == 0 {
					tally.Flush()
				}
			}
			tally.Flush()
		})
	}
	for range 20 {
		p.rebuild()
	}
	loops.Wait()
	if got := p.stats.Answers.Load(); got != 2000 {
		t.Errorf("%d answers counted of 2000", got)
	}
}
