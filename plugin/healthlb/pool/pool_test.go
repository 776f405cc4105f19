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
	"example.org/healthlb/plugin/healthlb/policy"
)

var (
	start   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	anybody = answer.NewClient(netip.MustParseAddr("203.0.113.9"), nil)
)

// spec returns a pool of n members, 192.0.2.1 and 2001:db8::1 and so on, with the built-in defaults.
func spec(n int, change ...func(*Spec)) Spec {
	s := Spec{
		Name: "www.example.org.", Zone: "example.org.", Checks: []Check{{"tcp", 80}},
		Min: 3, Max: 60, Rise: 2,
		Policy: policy.Spec{Name: "round_robin"}, Answers: 8, TTL: 30, LowTTL: 5,
		MinUp: MinUp{N: 1},
	}
	for i := range n {
		s.Members = append(s.Members, Member{
			ID: fmt.Sprint("m", i+1), V4: v4(i + 1), V6: netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)), Weight: 1,
		})
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func v4(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }

func newPool(tb testing.TB, s Spec) *Pool {
	tb.Helper()
	p, err := New(&s, nil, start)
	if err != nil {
		tb.Fatal(err)
	}
	p.rebuild()
	return p
}

func (p *Pool) rebuild(blocks ...block.Entry) {
	set := block.NewSet(blocks)
	p.Rebuild(func() (Around, time.Time) { return Around{Blocks: set}, start })
}

// tell has the members' slots observe outcomes in a row, in the A family, and rebuilds.
func (p *Pool) tell(id string, outcomes ...health.Outcome) {
	for _, s := range p.Slots() {
		if s.member.ID == id && s.family == A {
			for _, o := range outcomes {
				s.Observe(Observation{Outcome: o, At: start, Reason: o.String()})
			}
		}
	}
	p.rebuild()
}

// reply is what a pool answers with: its rcode, the last bytes of the addresses in order of number, and the TTL.
type reply struct {
	rcode   int
	hosts   []int
	ttl     uint32
	allDown bool
}

func (p *Pool) ask(f Family) reply {
	q := new(dns.Msg)
	q.SetQuestion(p.Name, dns.TypeA)
	r := answer.NewReply(q)
	did := p.Reply(r, f, Query{Client: anybody}, start)
	got := reply{rcode: r.Msg.Rcode, allDown: did.Notes&answer.AllDown != 0}
	for _, rr := range r.Msg.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			got.hosts = append(got.hosts, int(rr.A[3]))
		case *dns.AAAA:
			got.hosts = append(got.hosts, int(rr.AAAA[15]))
		}
		got.ttl = rr.Header().Ttl
	}
	slices.Sort(got.hosts)
	return got
}

const pass, fail, lameDuck = health.Pass, health.Fail, health.LameDuck

func TestAnswers(t *testing.T) {
	omit := func(prefix, pool string) block.Entry {
		return block.Entry{Prefix: netip.MustParsePrefix(prefix), Pool: pool, Mode: block.Omit}
	}
	mode := func(m AllDownMode, addrs ...string) func(*Spec) {
		return func(s *Spec) {
			s.AllDown.Mode = m
			for _, a := range addrs {
				s.AllDown.Addresses = append(s.AllDown.Addresses, netip.MustParseAddr(a))
			}
		}
	}
	minUp := func(n int, percent bool) func(*Spec) {
		return func(s *Spec) { s.MinUp = MinUp{n, percent} }
	}
	up := []health.Outcome{pass}
	down := []health.Outcome{fail}
	for _, tc := range []struct {
		rule   string
		spec   Spec
		told   map[string][]health.Outcome
		blocks []block.Entry
		want   reply
	}{
		{"all who are up", spec(2), map[string][]health.Outcome{"m1": up, "m2": up}, nil, reply{0, []int{1, 2}, 30, false}},
		{"not who is down", spec(2), map[string][]health.Outcome{"m1": up, "m2": down}, nil, reply{0, []int{1}, 30, false}},
		{"not who is unknown", spec(2), map[string][]health.Outcome{"m1": up}, nil, reply{0, []int{1}, 30, false}},
		{"a suspect, with the low TTL", spec(2), map[string][]health.Outcome{"m1": up, "m2": {pass, fail}}, nil, reply{0, []int{1, 2}, 5, false}},
		{"not who is lame", spec(2), map[string][]health.Outcome{"m1": up, "m2": {pass, lameDuck}}, nil, reply{0, []int{1}, 30, false}},
		{"not who is blocked", spec(2), map[string][]health.Outcome{"m1": up, "m2": up},
			[]block.Entry{omit("192.0.2.1/32", "")}, reply{0, []int{2}, 30, false}},
		{"a block of another pool does not count", spec(2), map[string][]health.Outcome{"m1": up, "m2": up},
			[]block.Entry{omit("192.0.2.1/32", "api.example.org.")}, reply{0, []int{1, 2}, 30, false}},
		{"a block for this pool does", spec(2), map[string][]health.Outcome{"m1": up, "m2": up},
			[]block.Entry{omit("192.0.2.0/31", "www.example.org.")}, reply{0, []int{2}, 30, false}},

		{"all down: everyone, with the low TTL", spec(2), map[string][]health.Outcome{"m1": down, "m2": down}, nil, reply{0, []int{1, 2}, 5, true}},
		{"all down: those not blocked", spec(2), map[string][]health.Outcome{"m1": down, "m2": down},
			[]block.Entry{omit("192.0.2.2/32", "")}, reply{0, []int{1}, 5, true}},
		{"all down: the lame before the dead", spec(3), map[string][]health.Outcome{"m1": down, "m2": {pass, lameDuck}}, nil, reply{0, []int{2}, 5, true}},
		{"all down: no one is left to name", spec(1), map[string][]health.Outcome{"m1": down},
			[]block.Entry{omit("192.0.2.0/24", "")}, reply{0, nil, 0, true}},
		{"all blocked, all up", spec(2), map[string][]health.Outcome{"m1": up, "m2": up},
			[]block.Entry{omit("192.0.2.0/24", "")}, reply{0, nil, 0, true}},
		{"all down: nodata", spec(1, mode(AllDownNodata)), map[string][]health.Outcome{"m1": down}, nil, reply{0, nil, 0, true}},
		{"all down: servfail", spec(1, mode(AllDownServfail)), map[string][]health.Outcome{"m1": down}, nil, reply{dns.RcodeServerFailure, nil, 0, true}},
		{"all down: refused", spec(1, mode(AllDownRefused)), map[string][]health.Outcome{"m1": down}, nil, reply{dns.RcodeRefused, nil, 0, true}},
		{"all down: addresses", spec(1, mode(AllDownAddresses, "192.0.2.99", "2001:db8::99")), map[string][]health.Outcome{"m1": down}, nil,
			reply{0, []int{99}, 5, true}},
		{"all down: addresses, none of this family", spec(1, mode(AllDownAddresses, "2001:db8::99")), map[string][]health.Outcome{"m1": down}, nil,
			reply{0, nil, 0, true}},
		{"all down: addresses, but blocked", spec(1, mode(AllDownAddresses, "192.0.2.99")), map[string][]health.Outcome{"m1": down},
			[]block.Entry{omit("192.0.2.99/32", "")}, reply{0, nil, 0, true}},

		{"min_up 2: one is not enough, so everyone", spec(3, minUp(2, false)), map[string][]health.Outcome{"m1": up, "m2": down}, nil,
			reply{0, []int{1, 2, 3}, 5, true}},
		{"min_up 2: two are", spec(3, minUp(2, false)), map[string][]health.Outcome{"m1": up, "m2": up}, nil, reply{0, []int{1, 2}, 30, false}},
		{"min_up 50% of 3 is 2", spec(3, minUp(50, true)), map[string][]health.Outcome{"m1": up}, nil, reply{0, []int{1, 2, 3}, 5, true}},
		{"min_up 50% of 4, blocked ones included", spec(4, minUp(50, true)), map[string][]health.Outcome{"m1": up, "m2": up},
			[]block.Entry{omit("192.0.2.4/32", "")}, reply{0, []int{1, 2}, 30, false}},
		{"below min_up with some eligible, the lame count like all", spec(3, minUp(2, false)), map[string][]health.Outcome{"m1": up, "m2": {pass, lameDuck}}, nil,
			reply{0, []int{1, 2, 3}, 5, true}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			p := newPool(t, tc.spec)
			for id, outcomes := range tc.told {
				p.tell(id, outcomes...)
			}
			p.rebuild(tc.blocks...)
			if got := p.ask(A); fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestFamiliesAreApart(t *testing.T) {
	p := newPool(t, spec(2))
	p.tell("m1", pass)
	p.tell("m2", pass)
	if got := p.ask(A); got.allDown {
		t.Errorf("A: %v, want both up", got)
	}
	if got := p.ask(AAAA); !got.allDown {
		t.Errorf("AAAA: %v, want all down, as nothing is known of it", got)
	}
}

func TestNoSuchFamily(t *testing.T) {
	p := newPool(t, spec(1, func(s *Spec) { s.Members[0].V6 = netip.Addr{} }))
	if got := p.ask(AAAA); fmt.Sprint(got) != fmt.Sprint(reply{}) {
		t.Errorf("got %v, want an empty answer that is no all_down one", got)
	}
}

func TestAnswersAtMost(t *testing.T) {
	for answers, want := range map[int]int{1: 1, 3: 3, 8: 8, 20: 12, 0: 12} {
		p := newPool(t, spec(12, func(s *Spec) { s.Answers = answers }))
		for i := range 12 {
			p.tell(fmt.Sprint("m", i+1), pass)
		}
		if got := p.ask(A); len(got.hosts) != want {
			t.Errorf("answers %d of 12 members: %d named, want %d", answers, len(got.hosts), want)
		}
	}
}

// TestLowTTLOnlyWhereNamed checks that a suspect lowers the TTL of those answers that name it, and of no others.
func TestLowTTLOnlyWhereNamed(t *testing.T) {
	for _, name := range policy.Names {
		for _, k := range []int{1, 2} {
			p := newPool(t, spec(4, func(s *Spec) { s.Answers, s.Policy.Name = k, name }))
			for i := range 4 {
				p.tell(fmt.Sprint("m", i+1), pass)
			}
			p.tell("m2", fail)
			for range 50 {
				got := p.ask(A)
				want := uint32(30)
				if slices.Contains(got.hosts, 2) {
					want = 5
				}
				if got.ttl != want {
					t.Fatalf("%s: %v, want TTL %d", name, got, want)
				}
			}
		}
	}
}

func TestRegionRule(t *testing.T) {
	p := newPool(t, spec(3, func(s *Spec) {
		s.Region, s.Max = "here", 5
		s.Members[0].Region, s.Members[1].Region = "here", "there"
	}))
	for _, m := range []string{"m1", "m2", "m3"} {
		p.tell(m, pass, fail, fail, fail)
	}
	if got := p.ask(A); !slices.Equal(got.hosts, []int{2}) {
		t.Errorf("after MIN failures: %v, want only the member of the other region", got)
	}
	p.tell("m2", fail, fail)
	if got := p.ask(A); got.allDown {
		t.Errorf("after MAX failures: %v, want the member of the other region still in", got)
	}
	p.tell("m2", fail)
	if got := p.ask(A); !got.allDown {
		t.Errorf("after MAX+1 failures: %v, want all down", got)
	}
}

func TestSeveralChecksAreAnded(t *testing.T) {
	p := newPool(t, spec(1, func(s *Spec) { s.Checks = append(s.Checks, Check{"tls sni a", 443}) }))
	for i, outcome := range []health.Outcome{pass, fail} {
		for _, s := range p.Slots() {
			if s.Check == i {
				s.Observe(Observation{Outcome: outcome, At: start, Reason: "refused"})
			}
		}
	}
	v := p.View(Around{}, start).Members[0].Addresses[0]
	if v.State != health.Down || v.Reason != "tls 443: refused" {
		t.Errorf("one check passes and one fails: %s because of %q, want down because of tls 443: refused", v.State, v.Reason)
	}
}

// TestStateFollows checks what a reload keeps: the state, counters and times of the same id, address, port and check, and no others.
func TestStateFollows(t *testing.T) {
	old := newPool(t, spec(2))
	old.tell("m1", pass, fail)
	old.tell("m2", fail)
	old.ask(A)
	for _, tc := range []struct {
		rule   string
		change func(*Spec)
		want   health.State
	}{
		{"nothing changes", func(*Spec) {}, health.Suspect},
		{"thresholds change", func(s *Spec) { s.Min = 9 }, health.Suspect},
		{"the place that is probed changes", func(s *Spec) { s.Members[0].Probe4 = v4(77) }, health.Suspect},
		{"another id", func(s *Spec) { s.Members[0].ID = "other" }, health.Unknown},
		{"another address", func(s *Spec) { s.Members[0].V4 = v4(77) }, health.Unknown},
		{"another port", func(s *Spec) { s.Members[0].Port = 81 }, health.Unknown},
		{"another check", func(s *Spec) { s.Checks[0].Name = "tls" }, health.Unknown},
		{"one more check", func(s *Spec) { s.Checks = append(s.Checks, Check{"tls", 443}) }, health.Unknown},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			changed := spec(2, tc.change)
			p, err := New(&changed, old, start.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			a := p.View(Around{}, start).Members[0].Addresses[0]
			if a.State != tc.want {
				t.Errorf("state %s, want %s", a.State, tc.want)
			}
			if kept := a.Since.Equal(start); kept != (tc.want != health.Unknown) {
				t.Errorf("since %s, pool made at %s", a.Since, start.Add(time.Hour))
			}
		})
	}
}

func TestLastAnswered(t *testing.T) {
	p := newPool(t, spec(2, func(s *Spec) { s.Answers = 1 }))
	p.tell("m1", pass)
	if a := p.View(Around{}, start).Members[0].Addresses[0]; a.Answered != nil || !a.SafeAfter.Equal(start.Add(31*time.Second)) {
		t.Errorf("not answered yet, but %v, safe after %s; a process before this one may have", a.Answered, a.SafeAfter)
	}
	later := start.Add(time.Hour)
	ask := func(at time.Time) {
		q := new(dns.Msg)
		q.SetQuestion(p.Name, dns.TypeA)
		p.Reply(answer.NewReply(q), A, Query{Client: anybody}, at)
	}
	ask(later)
	m := p.View(Around{}, start).Members
	want := later.Add(31 * time.Second)
	if got := m[0].Addresses[0]; !got.SafeAfter.Equal(want) || !got.Answered.Equal(later) {
		t.Errorf("answered %s, safe after %s; want %s, %s", got.Answered, got.SafeAfter, later, want)
	}
	if m[1].Addresses[0].Answered != nil {
		t.Error("m2 was not answered with, but is said to be")
	}
	p.tell("m1", fail)
	ask(later.Add(time.Second))
	if got := p.View(Around{}, start).Members[0].Addresses[0].SafeAfter; !got.Equal(want) {
		t.Errorf("an answer with a lower TTL moved safe_after from %s to %s", want, got)
	}

	changed := *p.Spec
	changed.Checks = []Check{{"tls", 443}}
	next, err := New(&changed, p, later)
	if err != nil {
		t.Fatal(err)
	}
	if got := next.View(Around{}, start).Members[0].Addresses[0]; !got.SafeAfter.Equal(want) {
		t.Errorf("with another check the address is safe after %s; caches hold it until %s all the same", got.SafeAfter, want)
	}
}

// TestInvariants checks, for any results, blocks and drains, invariants 1 and 2 of the design: who is blocked is in no answer, and who is
// down is in none while at least min_up members are eligible; and that who is drained is in none while anyone else is left.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(r, "n")
		p := newPool(t, spec(n, func(s *Spec) {
			s.MinUp = MinUp{rapid.IntRange(1, 3).Draw(r, "min_up"), false}
			s.Policy.Name = rapid.SampledFrom(policy.Names).Draw(r, "policy")
			s.Answers = rapid.IntRange(0, n).Draw(r, "answers")
			s.AllDown.Mode = AllDownMode(rapid.IntRange(0, 4).Draw(r, "all_down"))
			s.AllDown.Addresses = []netip.Addr{v4(1), v4(200)}
		}))
		var blocks []block.Entry
		drains := map[string]Drain{}
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			m := rapid.IntRange(1, n).Draw(r, "member")
			if rapid.Bool().Draw(r, "block") {
				bits := rapid.IntRange(28, 32).Draw(r, "bits")
				blocks = []block.Entry{{Prefix: netip.PrefixFrom(v4(m), bits).Masked(), Mode: block.Omit}}
			}
			p.tell(fmt.Sprint("m", m), health.Outcome(rapid.IntRange(0, 3).Draw(r, "outcome")))
			if id := fmt.Sprint("m", rapid.IntRange(1, n).Draw(r, "drained")); rapid.Bool().Draw(r, "drain") {
				drains[id] = Drain{Out: start.Add(time.Duration(rapid.IntRange(-1, 1).Draw(r, "lead")))}
			} else {
				delete(drains, id)
			}
			set := block.NewSet(blocks)
			by := Around{Blocks: set, Drains: drains}
			p.Rebuild(func() (Around, time.Time) { return by, start })
			view := p.View(by, start)
			present := false
			for i, m := range view.Members {
				present = present || !m.Drained && !omits(set, v4(i+1), p.Name)
			}
			for range 3 {
				got := p.ask(A)
				for _, host := range got.hosts {
					if omits(set, v4(host), p.Name) {
						r.Fatalf("%d is blocked and answered with: %v", host, got)
					}
					if view.Families[A].Eligible >= view.Families[A].MinUp && !view.Members[host-1].Addresses[0].State.Serving() {
						r.Fatalf("%d is not up and answered with: %v", host, got)
					}
					if host <= n && view.Members[host-1].Drained && present {
						r.Fatalf("%d is drained and answered with: %v", host, got)
					}
				}
			}
		}
	})
}
