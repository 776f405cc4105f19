package test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func startHash(t *testing.T) *coredns {
	t.Helper()
	web := startMembers(t, "127.22.1.1", "127.22.1.2", "127.22.1.3", "127.22.1.4")
	const four = "member 127.22.1.1\nmember 127.22.1.2\nmember 127.22.1.3\nmember 127.22.1.4\n}\n"
	return startCoreDNS(t, lb(`
		check tcp {web}
		ecs 127.0.0.1 ::1
		policy hash
		pool heavy.lb.example.org {
			member 127.22.1.1 weight 3
			member 127.22.1.2
		}
		pool coarse.lb.example.org {
			policy hash bits4 16 bits6 32
			`+four+`
		pool fine.lb.example.org {
			policy hash bits4 32 bits6 128
			`+four+`
		pool one.lb.example.org {
			policy hash bits4 0 bits6 0
			`+four+`
		pool *.apps.lb.example.org {
			policy hash key name
			`+four+`
		pool *.plain.lb.example.org {
			`+four), "{web}", web.port)
}

// Where a client goes depends on names and addresses alone, so these counts are the same on every run.
func TestHashWeights(t *testing.T) {
	t.Parallel()
	s := startHash(t)
	const clients = 400
	got := tally(s.picker(t).each("heavy.lb.example.org", clients))
	// 3 of 4, and what 160 and 480 points on a ring may miss.
	check(t, want(got["127.22.1.1"] > clients*65/100 && got["127.22.1.1"] < clients*85/100, "of %d clients, %v", clients, got))
}

func TestHashBits(t *testing.T) {
	t.Parallel()
	s := startHash(t)
	p := s.picker(t)

	t.Log("scopes")
	for _, tc := range []struct{ name, subnet, want string }{
		{"coarse", "203.0.113.0/24", "203.0.113.0/24/16"},
		{"coarse", "203.0.0.0/16", "203.0.0.0/16/16"},
		{"coarse", "2001:db8:1:200::/56", "2001:db8:1:200::/56/32"},
		{"fine", "203.0.113.7/32", "203.0.113.7/32/32"},
		{"fine", "203.0.113.0/24", "203.0.113.0/24/24"},
		{"fine", "2001:db8::7/128", "2001:db8::7/128/128"},
		{"one", "203.0.113.0/24", "203.0.113.0/24/0"},
		{"one", "2001:db8::/56", "2001:db8::/56/0"},
		{"heavy", "203.0.113.7/32", "203.0.113.7/32/24"},
	} {
		r := s.dig(t, tc.name+".lb.example.org", "+subnet="+tc.subnet)
		check(t, want(r.subnet == tc.want && len(r.answer) == 1, "%s for %s: %s, want %s", tc.name, tc.subnet, r.subnet, tc.want))
	}

	seen := func(name string, subnets ...string) map[string]int {
		var all []string
		for _, subnet := range subnets {
			all = append(all, p.a(name+".lb.example.org", subnet))
		}
		return tally(all)
	}
	var inside, across, hosts, inside6, across6 []string
	for i := range 40 {
		inside = append(inside, strings.ReplaceAll("100.64.N.0/24", "N", itoa(i)))
		across = append(across, strings.ReplaceAll("100.N.0.0/16", "N", itoa(i)))
		hosts = append(hosts, strings.ReplaceAll("100.64.0.N/32", "N", itoa(i)))
		inside6 = append(inside6, strings.ReplaceAll("2001:db8:N::/48", "N", itoa(i)))
		across6 = append(across6, strings.ReplaceAll("2001:N::/32", "N", itoa(i)))
	}
	t.Log("who differs in the bits that count goes elsewhere, who differs in others does not")
	for _, tc := range []struct {
		name    string
		subnets []string
		spread  bool
	}{
		{"coarse", inside, false}, {"coarse", across, true}, {"coarse", inside6, false}, {"coarse", across6, true},
		{"fine", hosts, true}, {"heavy", hosts, false}, {"heavy", inside, true},
		{"one", across, false}, {"one", across6, false},
	} {
		got := seen(tc.name, tc.subnets...)
		check(t, want((len(got) > 1) == tc.spread, "%s for %s ...: %v", tc.name, tc.subnets[0], got))
	}
}

// With `key name` the names below a wildcard are spread over the members, also those that one client asks for.
func TestHashKeyName(t *testing.T) {
	t.Parallel()
	s := startHash(t)
	p := s.picker(t)
	of := func(zone, subnet string) (all []string) {
		for i := range 40 {
			all = append(all, p.a("app-"+itoa(i)+zone, subnet))
		}
		return all
	}
	first := of(".apps.lb.example.org", "203.0.113.0/24")
	check(t, want(len(tally(first)) == 4, "40 names go to %v", tally(first)))
	check(t, want(strings.Join(of(".apps.lb.example.org", "203.0.113.0/24"), " ") == strings.Join(first, " "), "they go elsewhere the second time"))
	check(t, want(strings.Join(of(".APPS.lb.example.ORG", "203.0.113.0/24"), " ") == strings.Join(first, " "), "they go elsewhere in capitals"))
	check(t, want(strings.Join(of(".apps.lb.example.org", "198.51.100.0/24"), " ") != strings.Join(first, " "), "the client makes no difference"))
	plain := tally(of(".plain.lb.example.org", "203.0.113.0/24"))
	check(t, want(len(plain) == 1, "without `key name`, 40 names of one client go to %v", plain))

	r := s.dig(t, "app-1.apps.lb.example.org", "+subnet=203.0.113.0/24")
	check(t, want(r.subnet == "203.0.113.0/24/24" && r.answer[0].name == "app-1.apps.lb.example.org.", "%s", r.text))
	again := p.ask("app-1.apps.lb.example.org", dns.TypeAAAA, "203.0.113.0/24")
	check(t, want(len(again.Answer) == 0 && scope(again) == 0, "%v", again))
}
