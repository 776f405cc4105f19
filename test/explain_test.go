package test

import (
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const explainCorefile = `
		state {dir}/state
		admin 127.0.0.1:{admin}
		ecs 127.0.0.1
		check tcp {web}
		place eu 10.0.0.0/8
		place us 10.1.0.0/16
		pool www.lb.example.org {
			policy hash
			member 127.33.1.1 2001:db8::1 probe_address ::1 id web-1
			member 127.33.1.2 2001:db8::2 probe_address ::1 id web-2
			member 127.33.1.3 2001:db8::3 probe_address ::1 id web-3
			member 127.33.1.4 id web-4
		}
		pool stages.lb.example.org {
			prefer region
			shard 2
			answers 1
			member 127.33.1.1 id eu-1 region eu
			member 127.33.1.2 id eu-2 region eu
			member 127.33.1.3 id eu-3 region eu
			member 127.33.1.4 id us-1 region us
			member 127.33.1.5 id late priority 2
			member 127.33.1.6 id spare weight 0
			member 127.33.1.8 id dead
			member 127.33.1.7 id blocked
		}
		pool weighted.lb.example.org {
			policy weighted
			answers 2
			member 127.33.1.1 weight 3
			member 127.33.1.2 weight 2
			member 127.33.1.3 weight 1
		}
		pool *.apps.lb.example.org {
			policy hash key name
			member 127.33.1.1
			member 127.33.1.2
			member 127.33.1.3
		}
		pool few.lb.example.org {
			min_up 2
			member 127.33.1.1
			member 127.33.1.8
			member 127.33.1.7
		}`

func startExplain(t *testing.T) *coredns {
	t.Helper()
	web := startMembers(t, "127.33.1.1", "127.33.1.2", "127.33.1.3", "127.33.1.4", "127.33.1.5", "127.33.1.6", "127.33.1.7", "::1")
	s := startCoreDNS(t, lb(explainCorefile), "{web}", web.port)
	s.block(t, "127.33.1.7")
	return s
}

// Each member is out at its own stage, and the one that is left is the answer.
func TestExplainStages(t *testing.T) {
	t.Parallel()
	s := startExplain(t)
	e := s.explain(t, "stages.lb.example.org", "10.9.9.0/24")
	check(t, want(e.Pool == "stages.lb.example.org." && e.Type == "A" && e.Client == "10.9.9.0/24" && e.Region == "eu" && e.Policy == "round_robin", "%+v", e))
	check(t, want(e.Draws == 10_000 && e.MinUp == 1 && e.Eligible == 5 && !e.AllDown && len(e.Members) == 8, "%+v", e))
	check(t, want(e.Answer.RCode == "NOERROR" && e.Answer.TTL == 30 && e.Answer.Scope == 24 && len(e.Answer.Addresses) == 1, "%+v", e.Answer))
	for id, wanted := range map[string][2]string{
		"blocked": {"blocked", "127.33.1.7"},
		"dead":    {"health", "down since"},
		"spare":   {"standby", "weight 0"},
		"late":    {"priority", "tier 2"},
		"us-1":    {"region", "region us"},
	} {
		m := e.member(t, id)
		check(t, want(!m.In && m.Stage == wanted[0] && strings.Contains(m.Why, wanted[1]) && m.Share == 0, "want %v, got %+v", wanted, m))
	}
	stages, share := map[string]int{}, 0.0
	for _, id := range []string{"eu-1", "eu-2", "eu-3"} {
		m := e.member(t, id)
		stages[m.Stage]++
		share += m.Share
		check(t, want(m.In == (m.Stage == "policy") && m.In == (m.Share > 0), "%+v", m))
	}
	check(t, want(stages["policy"] == 2 && stages["shard"] == 1 && math.Abs(share-1) < 1e-9, "%v, and shares of %v", stages, share))
	check(t, want(strings.Contains(s.curl(t, "GET /v1/explain?name=stages.lb.example.org&client=10.9.9.0/24", "").is(t, 200).body, "connection refused"),
		"it does not say why a member is down"))

	t.Log("what if")
	e = s.explain(t, "stages.lb.example.org", "10.9.9.0/24", "without", "eu-1")
	check(t, want(e.Without == "eu-1" && e.member(t, "eu-1").Stage == "without" && !e.member(t, "eu-1").In, "%+v", e))
	check(t, want(e.member(t, "eu-2").In && e.member(t, "eu-3").In, "%+v", e))
	e = s.explain(t, "stages.lb.example.org", "10.1.9.0/24", "without", "us-1")
	check(t, want(e.Region == "us" && e.member(t, "late").Stage == "priority" && e.member(t, "spare").Stage == "standby", "%+v", e))
	check(t, s.dig(t, "stages.lb.example.org", "+subnet=10.1.9.0/24").names("127.33.1.4")) // it was a question only

	t.Log("all down")
	e = s.explain(t, "few.lb.example.org", "203.0.113.7")
	check(t, want(e.AllDown && e.MinUp == 2 && e.Eligible == 1 && e.Answer.TTL == 5 && e.Answer.Scope == 0 && e.names() == "127.33.1.1 127.33.1.8", "%+v", e))
	check(t, want(e.member(t, "127.33.1.1").Stage == "all_down" && e.member(t, "127.33.1.1").In && e.member(t, "127.33.1.7").Stage == "blocked", "%+v", e))

	t.Log("nobody at all, and a family that is not there")
	e = s.explain(t, "weighted.lb.example.org", "203.0.113.7", "type", "AAAA")
	check(t, want(len(e.Members) == 0 && len(e.Answer.Addresses) == 0 && e.Answer.RCode == "NOERROR", "%+v", e))
}

// What is explained is what is answered.
func TestExplainTellsTheAnswer(t *testing.T) {
	t.Parallel()
	s := startExplain(t)
	p := s.picker(t)
	for i := range 30 {
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
			e := s.explain(t, "www.lb.example.org", subnetOf(i), "type", dns.TypeToString[kind])
			r := p.ask("www.lb.example.org", kind, subnetOf(i))
			got := strings.Join(addresses(r), " ")
			check(t, want(e.names() == got && e.Answer.Scope == scope(r) && e.Answer.Scope == 24, "explained is %s with scope %d, given %s with %d",
				e.names(), e.Answer.Scope, got, scope(r)))
			if kind == dns.TypeAAAA {
				continue
			}
			gone := ""
			for _, m := range e.Members {
				if m.Address == got {
					gone = m.ID
				}
				check(t, want((m.Share == 1) == (m.Address == got), "%+v", m))
			}
			if i < 4 { // what is foretold comes true
				after := s.explain(t, "www.lb.example.org", subnetOf(i), "without", gone).names()
				s.block(t, "127.33.1.7", got)
				check(t, want(p.a("www.lb.example.org", subnetOf(i)) == after, "without %s, foretold is %s, given %s", gone, after, p.a("www.lb.example.org", subnetOf(i))))
				s.block(t, "127.33.1.7")
			}
		}
	}
	r := s.dig(t, "www.lb.example.org", "+subnet=203.0.113.0/24")
	e := s.explain(t, "www.lb.example.org", "203.0.113.0/24")
	check(t, r.names(e.Answer.Addresses...))

	t.Log("names below a wildcard, in any case")
	for _, name := range []string{"a", "b", "c", "d", "deep.e"} {
		name += ".apps.lb.example.org"
		e := s.explain(t, strings.ToUpper(name), subnetOf(0))
		check(t, want(e.Pool == "*.apps.lb.example.org." && e.names() == p.a(name, subnetOf(0)), "%s: %+v, given %s", name, e, p.a(name, subnetOf(0))))
	}

	t.Log("policies with turns: the next one is told, and looking does not take it")
	for range 7 {
		told := s.explain(t, "weighted.lb.example.org", "203.0.113.1").names()
		check(t, want(s.explain(t, "weighted.lb.example.org", "203.0.113.1").names() == told, "looking has moved the turn"))
		got := p.a("weighted.lb.example.org", "")
		check(t, want(got == told, "explained is %s, given %s", told, got))
	}
	e = s.explain(t, "weighted.lb.example.org", "203.0.113.1")
	for addr, share := range map[string]float64{"127.33.1.1": 1, "127.33.1.2": 2.0 / 3, "127.33.1.3": 1.0 / 3} {
		check(t, want(math.Abs(e.member(t, addr).Share-share) < 0.001, "%s has %v of 10,000 draws, want %v", addr, e.member(t, addr).Share, share))
	}
	a := s.pool(t, "weighted.lb.example.org").address(t, "127.33.1.3")
	check(t, want(a.Answers < 10, "explaining has counted as answers: %+v", a))
}

func TestExplainErrors(t *testing.T) {
	t.Parallel()
	s := startExplain(t)
	for _, tc := range []struct {
		query  string
		status int
	}{
		{"name=www.lb.example.org&client=203.0.113.7", 200},
		{"name=www.lb.example.org.&client=203.0.113.0/24&type=aaaa", 200},
		{"name=nobody.lb.example.org&client=203.0.113.7", 404},
		{"name=lb.example.org&client=203.0.113.7", 404},
		{"name=apps.lb.example.org&client=203.0.113.7", 404}, // an empty non-terminal
		{"name=www.example.com&client=203.0.113.7", 404},
		{"name=www.lb.example.org&client=203.0.113.7&without=web-9", 404},
		{"name=www.lb.example.org&client=203.0.113.7&region=eu", 400},
		{"name=www.lb.example.org", 400},
		{"client=203.0.113.7", 400},
		{"name=www.lb.example.org&client=203.0.113.7&type=TXT", 400},
		{"name=www.lb.example.org&client=203.0.113.7/24", 400},
		{"name=www.lb.example.org&client=hello", 400},
		{"name=www.lb.example.org&client=203.0.113.7&why=1", 400},
	} {
		r := s.curl(t, "GET /v1/explain?"+tc.query, "")
		check(t, want(r.status == tc.status, "%s: want %d, got %d %s", tc.query, tc.status, r.status, r.body))
	}
	s.curl(t, "POST /v1/explain?"+url.Values{"name": {"www.lb.example.org"}, "client": {"203.0.113.7"}}.Encode(), "").is(t, 405)
}
