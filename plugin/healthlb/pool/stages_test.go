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
	return p.askWith(Query{Client: client, Name: name}, now)
}

func (p *Pool) askWith(query Query, now time.Time) (hosts []int, ttl uint32, did Reply) {
	q := new(dns.Msg)
	q.SetQuestion(p.Name, dns.TypeA)
	r := answer.NewReply(q)
	did = p.Reply(r, A, query, now)
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
	excused           bool // down for nothing but a hold-down or expiry
	frozen            bool // down since a time at which the responder was cut off already
	stale             bool
}

// fixedHosts are the addresses of all_down addresses: that of the first member, and one of no member.
var fixedHosts = []int{1, 200}

// fate is what has to come of the members of a pool.
type fate struct {
	hosts   []int // whom the stages before the policy leave, by number from 1 on
	pardons bool  // the excused count
	allDown bool
}

// expected is what the stages must do for a client, written down once more as plainly as can be.
func expected(s *Spec, states []plain, region string) fate {
	atLeast := s.MinUp.Of(len(s.Members))
	eligible, pardons := expectedEligible(s, states, false), false
	if len(eligible) < atLeast {
		eligible, pardons = expectedEligible(s, states, true), true
	}
	if len(eligible) < atLeast {
		return fate{expectedAllDown(s, states, len(eligible) > 0), pardons, true}
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
	var hosts []int
	for _, i := range members {
		hosts = append(hosts, i+1)
	}
	return fate{hosts, pardons, false}
}

// expectedEligible are those that count for min_up, by index.
func expectedEligible(s *Spec, states []plain, pardons bool) []int {
	var able, regulars []int
	for i, m := range s.Members {
		if states[i].able(pardons) {
			able = append(able, i)
			if m.Weight > 0 {
				regulars = append(regulars, i)
			}
		}
	}
	if len(regulars) > 0 {
		return regulars
	}
	return able
}

func (st plain) able(pardons bool) bool {
	return (st.up || st.frozen || st.excused && pardons) && !st.blocked && !st.drained
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
	pasts := rapid.SampledFrom([][]string{{"passes", "passes", "fails", "lame"}, {"fails", "lame"}, {"fails"}, {"passes", "flaps", "expired", "fell"},
		{"fails", "flaps", "expired", "fell"}}).Draw(r, "pasts")
	often := rapid.SampledFrom([]int{0, 1, 1, 4}).Draw(r, "often")
	if rapid.Bool().Draw(r, "isolated") {
		by.Frozen = start.Add(-time.Hour)
	}
	for i := range states {
		st, m := &states[i], p.Spec.Members[i]
		ago := time.Duration(rapid.IntRange(0, 2).Draw(r, "ago")) * time.Hour
		*st = p.tellPast(rapid.SampledFrom(pasts).Draw(r, "past"), m.ID, start.Add(-ago))
		st.frozen = st.frozen && !by.Frozen.IsZero() && ago <= time.Hour
		if st.stale = rapid.IntRange(0, 4).Draw(r, "stale") < often; st.stale {
			p.slotsOf(m.ID, A)[0].SetStale(true)
		}
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

// tellPast tells a pool of what has come of a member up to a moment, in the A family. It returns what is to be thought of it; frozen, if
// the responder was cut off by then.
func (p *Pool) tellPast(past, id string, at time.Time) plain {
	tell := func(outcomes ...health.Outcome) { p.tellAt(at, id, []Family{A}, outcomes...) }
	switch past {
	case "passes":
		tell(pass)
		return plain{up: true}
	case "lame":
		tell(lameDuck)
		return plain{lame: true}
	case "fell":
		tell(pass, fail, fail, fail)
		return plain{frozen: true}
	case "flaps":
		tell(pass)
		for range 3 {
			tell(fail, fail, fail, pass, pass)
		}
		if p.Flap == 0 {
			return plain{up: true}
		}
		return plain{excused: true, frozen: true}
	case "expired":
		for _, s := range p.slotsOf(id, A) {
			s.Observe(Observation{Outcome: fail, Excused: true, At: at})
		}
		return plain{excused: true}
	default:
		tell(fail)
		return plain{}
	}
}

// slotsOf returns the slots of a member in one family.
func (p *Pool) slotsOf(id string, f Family) []*Slot {
	return slices.DeleteFunc(p.Slots(), func(s *Slot) bool { return s.member.ID != id || s.family != f })
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
	s.Flap = time.Duration(rapid.IntRange(0, 1).Draw(r, "flap")) * time.Minute
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
			must := expected(&s, states, region)
			want, allDown := must.hosts, must.allDown
			k := len(want)
			if s.Answers > 0 {
				k = min(k, s.Answers)
			}
			if s.Policy.Shard > 0 && !allDown {
				k = min(k, s.Policy.Shard)
			}
			for range 4 {
				hosts, ttl, did := p.askAs(client, p.Name, start)
				if len(hosts) > k || k > 0 && len(hosts) == 0 || len(hosts) < k && (allDown || s.Policy.Factor == 0) {
					r.Fatalf("region %q: the answer names %v, want %d of %v", region, hosts, k, want)
				}
				slices.Sort(hosts)
				if len(slices.Compact(slices.Clone(hosts))) != len(hosts) {
					r.Fatalf("someone is named twice: %v", hosts)
				}
				low, notes := allDown, answer.Notes(0)
				if allDown {
					notes = answer.AllDown
				}
				if !by.Frozen.IsZero() {
					notes |= answer.Isolated
					low = true
				}
				for _, h := range hosts {
					if !slices.Contains(want, h) {
						r.Fatalf("region %q: member %d is named, of %v", region, h, want)
					}
					if allDown && s.AllDown.Mode == AllDownAddresses {
						continue
					}
					st := states[h-1]
					low = low || st.leads || !st.up || st.stale
					if st.stale {
						notes |= answer.Stale
					}
				}
				if len(hosts) > 0 && (ttl == s.LowTTL) != low {
					r.Fatalf("the answer names %v and has TTL %d, want the low one: %v", hosts, ttl, low)
				}
				if did.Notes != notes {
					r.Fatalf("the answer names %v and has the notes %b, want %b", hosts, did.Notes, notes)
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
				if out := !allDown && states[i].able(true) && !states[i].able(must.pardons); (m.Stage == "excused") != out {
					r.Fatalf("member %d is explained as %+v, excused for nothing: %v", i+1, m, out)
				}
			}
		}
		// What is to see is what is answered a client without a region.
		must, stale, spared := expected(&s, states, ""), 0, 0
		v := p.View(by, start)
		for i, m := range v.Members {
			a, st := m.Addresses[A], states[i]
			if a.Named != slices.Contains(must.hosts, i+1) || m.Drained != st.drained || v.Families[A].AllDown != must.allDown {
				r.Fatalf("member %d is %+v, answers name %v", i+1, m, must.hosts)
			}
			if a.Eligible != st.able(must.pardons) || a.Excused != st.excused || a.Checks[0].Stale != st.stale {
				r.Fatalf("member %d is %+v, and was to be %+v", i+1, m, st)
			}
			if st.stale {
				stale++
			}
			if st.able(must.pardons) && !st.up {
				spared++
			}
			if standing, _ := p.Standing(m.ID, by, start); standing.Served != a.Eligible {
				r.Fatalf("member %d stands as %+v, and is %+v", i+1, standing, m)
			}
			if _, named, known := p.SafeAfter(m.ID); !known || named != (m.Addresses[A].Named || m.Addresses[AAAA].Named) {
				r.Fatalf("member %d is named: %v, of %v", i+1, named, must.hosts)
			}
		}
		if v.Stale != stale || v.Families[A].Spared != spared {
			r.Fatalf("%d checks are stale, want %d; %d are spared, want %d", v.Stale, stale, v.Families[A].Spared, spared)
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
