package pool

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/place"
	"example.org/healthlb/plugin/healthlb/policy"
)

// regions of the tests, and a client in each; "" is a client of no region.
var clients = map[string]answer.Client{
	"eu": answer.ClientIn(netip.MustParsePrefix("203.0.113.0/24")),
	"us": answer.ClientIn(netip.MustParsePrefix("198.51.100.0/24")),
	"":   answer.ClientIn(netip.MustParsePrefix("192.0.2.0/24")),
}

func places(tb interface{ Fatal(...any) }) *place.Table {
	t, err := place.New([]place.Entry{
		{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Region: "eu"},
		{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Region: "us"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// askAs asks for A records as a client, and returns the members named, by number, and what the pool did.
func (p *Pool) askAs(client answer.Client, name string, now time.Time) (hosts []int, ttl uint32, did Reply) {
	q := new(dns.Msg)
	q.SetQuestion(p.Name, dns.TypeA)
	r := answer.NewReply(q)
	did = p.Reply(r, A, Query{Client: client, Name: name}, now)
	for _, rr := range r.Msg.Answer {
		hosts = append(hosts, int(rr.(*dns.A).A[3]))
		ttl = rr.Header().Ttl
	}
	return hosts, ttl, did
}

// expected is what the stages before the policy must leave for a client, written down once more as plainly as can be.
func expected(s *Spec, up, blocked map[int]bool, region string) (members []int, allDown bool) {
	var eligible, regulars []int
	for i, m := range s.Members {
		if up[i] && !blocked[i] {
			eligible = append(eligible, i)
			if m.Weight > 0 {
				regulars = append(regulars, i)
			}
		}
	}
	if len(regulars) > 0 {
		eligible = regulars
	}
	if len(eligible) < s.MinUp.Of(len(s.Members)) {
		return nil, true
	}
	order := func(i int) int {
		if p := s.Members[i].Priority; p > 0 {
			return p
		} else if s.Policy.Name == "failover" {
			return 100000 + i
		}
		return 1
	}
	tiers, sizes := map[int][]int{}, map[int]int{}
	for i := range s.Members {
		sizes[order(i)]++
	}
	for _, i := range eligible {
		tiers[order(i)] = append(tiers[order(i)], i)
	}
	var orders []int
	for o := range tiers {
		orders = append(orders, o)
	}
	slices.Sort(orders)
	members = tiers[orders[0]]
	for _, o := range orders {
		if len(tiers[o]) >= s.MinUp.Of(sizes[o]) {
			members = tiers[o]
			break
		}
	}
	if s.Prefer.Region && region != "" {
		var own []int
		for _, i := range members {
			if s.Members[i].Region == region {
				own = append(own, i)
			}
		}
		if len(own) >= s.Prefer.Min {
			members = own
		}
	}
	return members, false
}

// TestStages composes everything: any weights, tiers, regions, states, blocks, policy, shard and size of answers. Answers name whom the
// stages leave, no one twice, and as many as they may.
func TestStages(t *testing.T) {
	table := places(t)
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(r, "n")
		s := spec(n)
		s.Policy = policy.Spec{Name: rapid.SampledFrom(policy.Names).Draw(r, "policy"), Bits4: 24, Bits6: 56}
		if s.Policy.Name == "hash" {
			s.Policy.Factor = rapid.SampledFrom([]float64{0, 1, 1.25}).Draw(r, "balance")
		}
		s.Policy.Shard = rapid.SampledFrom([]int{0, 0, 1, 2, 4}).Draw(r, "shard")
		s.Prefer = Prefer{rapid.Bool().Draw(r, "prefer"), rapid.IntRange(1, 3).Draw(r, "enough")}
		s.MinUp = MinUp{rapid.IntRange(1, 3).Draw(r, "min_up"), false}
		if rapid.Bool().Draw(r, "percent") {
			s.MinUp = MinUp{rapid.IntRange(1, 100).Draw(r, "min_up"), true}
		}
		s.Answers = rapid.IntRange(0, n).Draw(r, "answers")
		for i := range s.Members {
			m := &s.Members[i]
			m.Weight = rapid.SampledFrom([]int{0, 1, 1, 2, 10}).Draw(r, "weight")
			m.Priority = rapid.SampledFrom([]int{0, 0, 1, 2, 3}).Draw(r, "priority")
			m.Region = rapid.SampledFrom([]string{"", "eu", "us"}).Draw(r, "region")
		}
		p := newPool(t, s)
		up, blocked := map[int]bool{}, map[int]bool{}
		var entries []block.Entry
		for i, slot := range p.Slots() {
			if slot.family != A {
				continue
			}
			member := i / 2
			o := rapid.SampledFrom([]health.Outcome{pass, pass, fail, lameDuck}).Draw(r, "outcome")
			slot.Observe(Observation{Outcome: o, At: start})
			up[member] = o == pass
			if rapid.IntRange(0, 4).Draw(r, "blocked") == 0 {
				blocked[member] = true
				entries = append(entries, block.Entry{Prefix: netip.PrefixFrom(s.Members[member].V4, 32), Mode: block.Omit})
			}
		}
		set := block.NewSet(entries)
		p.Rebuild(func() Around { return Around{Blocks: set, Places: table} }, start)
		for region, client := range clients {
			want, allDown := expected(&s, up, blocked, region)
			for range 4 {
				hosts, _, did := p.askAs(client, p.Name, start)
				if did.AllDown != allDown {
					r.Fatalf("all down is %v, want %v", did.AllDown, allDown)
				}
				if allDown {
					continue
				}
				k := len(want)
				if s.Answers > 0 {
					k = min(k, s.Answers)
				}
				if s.Policy.Shard > 0 {
					k = min(k, s.Policy.Shard)
				}
				if len(hosts) > k || len(hosts) == 0 || len(hosts) < k && s.Policy.Factor == 0 {
					r.Fatalf("region %q: the answer names %v, want %d of %v", region, hosts, k, want)
				}
				slices.Sort(hosts)
				if len(slices.Compact(slices.Clone(hosts))) != len(hosts) {
					r.Fatalf("someone is named twice: %v", hosts)
				}
				for _, h := range hosts {
					if !slices.Contains(want, h-1) {
						r.Fatalf("region %q: member %d is named, of %v", region, h-1, want)
					}
				}
			}
			// What is explained is what is answered.
			if e := p.Explain(A, Query{Client: client, Name: p.Name}, Around{set, table}, "", 50, start); !allDown {
				for i, m := range e.Members {
					in := slices.Contains(want, i)
					if s.Policy.Shard == 0 && m.In != in || m.In && !in || m.Share > 0 && !m.In {
						r.Fatalf("region %q: member %d is explained as %+v, want in: %v", region, i, m, in)
					}
				}
			}
		}
	})
}

// TestThreeSites: with three tiers nobody of a worse one is named beside a better one, whoever fails (k8gb PR#1705 was about the third).
func TestThreeSites(t *testing.T) {
	s := spec(6)
	for i := range s.Members {
		s.Members[i].Priority = i/2 + 1
	}
	for state := range 64 {
		p := newPool(t, s)
		for i := range 6 {
			o := fail
			if state>>i&1 == 1 {
				o = pass
			}
			p.tell(fmt.Sprint("m", i+1), o)
		}
		var want []int
		for tier := 0; tier < 3 && want == nil; tier++ {
			for i := 2 * tier; i < 2*tier+2; i++ {
				if state>>i&1 == 1 {
					want = append(want, i+1)
				}
			}
		}
		if got := p.ask(A); !got.allDown && !slices.Equal(got.hosts, want) {
			t.Errorf("state %06b: the answer names %v, want %v", state, got.hosts, want)
		}
	}
}

// TestScope checks the scope of an ECS reply: how far the answer is the same.
func TestScope(t *testing.T) {
	table := places(t)
	eu := func(s *Spec) { s.Members[0].Region, s.Prefer = "eu", Prefer{true, 1} }
	hash := func(s *Spec) { s.Policy, s.Answers = policy.Spec{Name: "hash", Bits4: 24, Bits6: 56}, 1 }
	for _, tc := range []struct {
		rule   string
		spec   Spec
		client string
		want   int
	}{
		{"no one is treated apart", spec(3), "203.0.113.0/24", 0},
		{"hash looks at 24 bits", spec(3, hash), "203.0.113.128/25", 24},
		{"hash looks at no more than there are", spec(3, hash), "203.0.0.0/16", 16},
		{"hash over one member", spec(1, hash), "203.0.113.0/24", 0},
		{"a region's network", spec(3, eu), "203.0.113.0/24", 24},
		{"beside it", spec(3, eu), "203.0.112.0/24", 24},
		{"far from it", spec(3, eu), "10.0.0.0/8", 1},
		{"a region without members is like none", spec(3, eu), "198.51.100.0/24", 5},
		{"region and hash: the longer", spec(3, eu, hash), "10.0.0.0/8", 8},
		{"IPv6 has no regions here", spec(3, eu), "2001:db8::/56", 0},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			p := newPool(t, tc.spec)
			for i := range tc.spec.Members {
				p.tell(fmt.Sprint("m", i+1), pass)
			}
			p.Rebuild(func() Around { return Around{Places: table} }, start)
			if _, _, did := p.askAs(answer.ClientIn(netip.MustParsePrefix(tc.client)), p.Name, start); did.Scope != tc.want {
				t.Errorf("scope %d, want %d", did.Scope, tc.want)
			}
		})
	}
}
