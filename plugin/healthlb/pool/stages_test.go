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

// plain is what there is to know of a member for the stages.
type plain struct {
	up, lame, blocked bool
	drained           bool // out
	leads             bool // to be drained later
}

// fixedHosts are the addresses of all_down addresses: that of the first member, and one of no member.
var fixedHosts = []int{1, 200}

// expected is what the stages before the policy must leave for a client, by number from 1 on, written down once more as plainly as can be.
func expected(s *Spec, states []plain, region string) (hosts []int, allDown bool) {
	var eligible, regulars []int
	for i, m := range s.Members {
		if st := states[i]; st.up && !st.blocked && !st.drained {
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
		return expectedAllDown(s, states, len(eligible) > 0), true
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
	members := tiers[orders[0]]
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
	for _, i := range members {
		hosts = append(hosts, i+1)
	}
	return hosts, false
}

// expectedAllDown is the same for an all_down answer.
func expectedAllDown(s *Spec, states []plain, someEligible bool) (hosts []int) {
	which := func(ok func(plain) bool) (hosts []int) {
		for i, st := range states {
			if ok(st) && !st.blocked {
				hosts = append(hosts, i+1)
			}
		}
		return hosts
	}
	present := which(func(st plain) bool { return !st.drained })
	ducks := which(func(st plain) bool { return !st.drained && st.lame })
	switch {
	case s.AllDown.Mode == AllDownAddresses:
		first := states[0]
		switch {
		case first.blocked, first.drained:
			return fixedHosts[1:]
		default:
			return fixedHosts
		}
	case s.AllDown.Mode != AllDownAll:
		return nil
	case !someEligible && len(ducks) > 0:
		return ducks
	case len(present) > 0:
		return present
	default:
		return which(func(st plain) bool { return st.drained })
	}
}

// drawnStates gives the members of a pool of the tests any state, and tells it of their health. It returns what is around.
func drawnStates(r *rapid.T, p *Pool, table *place.Table) (states []plain, by Around) {
	states = make([]plain, len(p.Spec.Members))
	by = Around{Drains: map[string]Drain{}, Places: table}
	var entries []block.Entry
	outcomes := rapid.SampledFrom([][]health.Outcome{{pass, pass, fail, lameDuck}, {fail, lameDuck}, {fail}}).Draw(r, "outcomes")
	often := rapid.SampledFrom([]int{0, 1, 1, 4}).Draw(r, "often")
	for i := range states {
		st, m := &states[i], p.Spec.Members[i]
		o := rapid.SampledFrom(outcomes).Draw(r, "outcome")
		p.tellAt(start, m.ID, []Family{A}, o)
		st.up, st.lame = o == pass, o == lameDuck
		if rapid.IntRange(0, 4).Draw(r, "blocked") < often {
			st.blocked = true
			entries = append(entries, block.Entry{Prefix: netip.PrefixFrom(m.V4, 32), Mode: block.Omit})
		}
		switch rapid.IntRange(0, 4).Draw(r, "drain") - often {
		case -3, -2, -1:
			st.drained = true
			by.Drains[m.ID] = Drain{Out: start.Add(-time.Duration(rapid.IntRange(0, 1).Draw(r, "ago")) * time.Hour)}
		case 0:
			st.leads = true
			by.Drains[m.ID] = Drain{Out: start.Add(time.Nanosecond)}
		}
	}
	by.Blocks = block.NewSet(entries)
	return states, by
}

// drawnSpec is any pool.
func drawnSpec(r *rapid.T) Spec {
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
	s.AllDown.Mode = AllDownMode(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4}).Draw(r, "all_down"))
	for _, host := range fixedHosts {
		s.AllDown.Addresses = append(s.AllDown.Addresses, v4(host))
	}
	s.Answers = rapid.IntRange(0, n).Draw(r, "answers")
	for i := range s.Members {
		m := &s.Members[i]
		m.Weight = rapid.SampledFrom([]int{0, 1, 1, 2, 10}).Draw(r, "weight")
		m.Priority = rapid.SampledFrom([]int{0, 0, 1, 2, 3}).Draw(r, "priority")
		m.Region = rapid.SampledFrom([]string{"", "eu", "us"}).Draw(r, "region")
	}
	return s
}

// TestStages composes everything: any weights, tiers, regions, states, blocks, drains, policy, shard, size of answers and all_down. Answers
// name whom the stages leave, no one twice, and as many as they may.
func TestStages(t *testing.T) {
	table := places(t)
	rapid.Check(t, func(r *rapid.T) {
		s := drawnSpec(r)
		p := newPool(t, s)
		states, by := drawnStates(r, p, table)
		p.Rebuild(func() (Around, time.Time) { return by, start })
		for region, client := range clients {
			want, allDown := expected(&s, states, region)
			k := len(want)
			if s.Answers > 0 {
				k = min(k, s.Answers)
			}
			if s.Policy.Shard > 0 && !allDown {
				k = min(k, s.Policy.Shard)
			}
			for range 4 {
				hosts, ttl, did := p.askAs(client, p.Name, start)
				if did.AllDown != allDown {
					r.Fatalf("all down is %v, want %v", did.AllDown, allDown)
				}
				if len(hosts) > k || k > 0 && len(hosts) == 0 || len(hosts) < k && (allDown || s.Policy.Factor == 0) {
					r.Fatalf("region %q: the answer names %v, want %d of %v", region, hosts, k, want)
				}
				slices.Sort(hosts)
				if len(slices.Compact(slices.Clone(hosts))) != len(hosts) {
					r.Fatalf("someone is named twice: %v", hosts)
				}
				low := allDown
				for _, h := range hosts {
					if !slices.Contains(want, h) {
						r.Fatalf("region %q: member %d is named, of %v", region, h, want)
					}
					low = low || states[h-1].leads
				}
				if len(hosts) > 0 && (ttl == s.LowTTL) != low {
					r.Fatalf("the answer names %v and has TTL %d, want the low one: %v", hosts, ttl, low)
				}
			}
			// What is explained is what is answered.
			e := p.Explain(A, Query{Client: client, Name: p.Name}, by, "", 50, start)
			for i, m := range e.Members {
				in, sharded := slices.Contains(want, i+1), s.Policy.Shard > 0 && !allDown
				if !sharded && m.In != in || m.In && !in || m.Share > 0 && !m.In {
					r.Fatalf("region %q: member %d is explained as %+v, want in: %v", region, i+1, m, in)
				}
				if out := states[i].drained && !states[i].blocked && !in; (m.Stage == "drained") != out {
					r.Fatalf("member %d is explained as %+v, out by its drain: %v", i+1, m, out)
				}
			}
		}
		// What is to see is what is answered a client without a region.
		want, allDown := expected(&s, states, "")
		v := p.View(by, start)
		for i, m := range v.Members {
			if a := m.Addresses[A]; a.Named != slices.Contains(want, i+1) || m.Drained != states[i].drained || v.Families[A].AllDown != allDown {
				r.Fatalf("member %d is %+v, answers name %v", i+1, m, want)
			}
			if _, named, known := p.SafeAfter(m.ID); !known || named != (m.Addresses[A].Named || m.Addresses[AAAA].Named) {
				r.Fatalf("member %d is named: %v, of %v", i+1, named, want)
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
			p.Rebuild(func() (Around, time.Time) { return Around{Places: table}, start })
			if _, _, did := p.askAs(answer.ClientIn(netip.MustParsePrefix(tc.client)), p.Name, start); did.Scope != tc.want {
				t.Errorf("scope %d, want %d", did.Scope, tc.want)
			}
		})
	}
}
