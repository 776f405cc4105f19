package test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const regionMembers = `
			member 127.29.1.1 2001:db8::1 probe_address ::1 region eu
			member 127.29.1.2 2001:db8::2 probe_address ::1 region eu
			member 127.29.1.3 2001:db8::3 probe_address ::1 region us
			member 127.29.1.4 region us
			member 127.29.1.5
		}
		`

func startRegions(t *testing.T) *coredns {
	t.Helper()
	web := startMembers(t, "127.29.1.1", "127.29.1.2", "127.29.1.3", "127.29.1.4", "127.29.1.5", "::1")
	return startCoreDNS(t, lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		ecs 127.0.0.1
		check tcp {web}
		place eu 10.0.0.0/8 2001:db8:e::/48 127.0.0.9
		place us 10.1.0.0/16 10.2.3.0/24 2001:db8:e:5::/64 127.0.0.10/32
		place asia 172.16.0.0/12
		pool off.lb.example.org {
			prefer off`+regionMembers+`
		prefer region
		pool www.lb.example.org {`+regionMembers+`
		pool min.lb.example.org {
			prefer region min 2`+regionMembers+`
		pool hash.lb.example.org {
			policy hash`+regionMembers+`
		pool prio.lb.example.org {
			member 127.29.1.1 region eu priority 2
			member 127.29.1.2 region eu
			member 127.29.1.3 region us priority 2
			member 127.29.1.4 region us priority 2
		}`), "{web}", web.port)
}

// ends are the last digits of the addresses in an answer.
func ends(r reply) string { return servers(r.data()) }

func TestPreferRegion(t *testing.T) {
	t.Parallel()
	s := startRegions(t)
	type asked struct{ name, kind, client, want, subnet string }
	ask := func(rule string, all ...asked) {
		t.Helper()
		for _, tc := range all {
			args := []string{tc.name + ".lb.example.org", tc.kind}
			switch {
			case strings.Contains(tc.client, "/"):
				args = append(args, "+subnet="+tc.client)
			default:
				args = append(args, "-b", tc.client)
			}
			r := s.dig(t, args...)
			check(t, want(r.status == "NOERROR" && ends(r) == tc.want && r.subnet == tc.subnet, "%s: %s %s for %s: got %s with %q, want %s with %q",
				rule, tc.name, tc.kind, tc.client, ends(r), r.subnet, tc.want, tc.subnet))
		}
	}
	ask("the client's subnet",
		asked{"www", "A", "10.9.9.0/24", "1 2", "10.9.9.0/24/13"}, // 10.8.0.0/13 holds nothing else
		asked{"www", "A", "10.1.9.0/24", "3 4", "10.1.9.0/24/16"},
		asked{"www", "A", "10.2.3.0/24", "3 4", "10.2.3.0/24/24"},
		asked{"www", "A", "10.2.2.0/24", "1 2", "10.2.2.0/24/24"},
		asked{"www", "A", "10.0.0.0/16", "1 2", "10.0.0.0/16/16"},
		asked{"www", "A", "172.16.1.0/24", "1 2 3 4 5", "172.16.1.0/24/1"}, // asia has no member, and is as good as nowhere
		asked{"www", "A", "203.0.113.0/24", "1 2 3 4 5", "203.0.113.0/24/1"},
		asked{"www", "AAAA", "10.9.9.0/24", "1 2", "10.9.9.0/24/13"},
		asked{"www", "AAAA", "10.1.9.0/24", "3", "10.1.9.0/24/16"},
		asked{"off", "A", "10.9.9.0/24", "1 2 3 4 5", "10.9.9.0/24/0"},
	)
	ask("a subnet of IPv6",
		asked{"www", "A", "2001:db8:e:1::/64", "1 2", "2001:db8:e:1::/64/62"},
		asked{"www", "A", "2001:db8:e:5::/64", "3 4", "2001:db8:e:5::/64/64"},
		asked{"www", "AAAA", "2001:db8:e:5::/64", "3", "2001:db8:e:5::/64/64"},
		asked{"www", "A", "2001:db8:f::/48", "1 2 3 4 5", "2001:db8:f::/48/48"},
	)
	ask("the source, where there is no subnet to believe",
		asked{"www", "A", "127.0.0.9", "1 2", ""},
		asked{"www", "A", "127.0.0.10", "3 4", ""},
		asked{"www", "A", "127.0.0.11", "1 2 3 4 5", ""},
	)
	stranger := s.dig(t, "www.lb.example.org", "-b", "127.0.0.9", "+subnet=10.1.9.0/24")
	check(t, want(ends(stranger) == "1 2" && stranger.subnet == "", "a stranger's subnet counts:\n%s", stranger.text))
	anonymous := s.dig(t, "www.lb.example.org", "+subnet=0.0.0.0/0")
	check(t, want(ends(anonymous) == "1 2 3 4 5" && anonymous.subnet == "0.0.0.0/0/0", "%s", anonymous.text))

	t.Log("with too few of the region, all; for each family of its own")
	s.block(t, "127.29.1.1")
	ask("one of eu is left",
		asked{"www", "A", "10.9.9.0/24", "2", "10.9.9.0/24/13"},
		asked{"min", "A", "10.9.9.0/24", "2 3 4 5", "10.9.9.0/24/13"},
		asked{"min", "A", "10.1.9.0/24", "3 4", "10.1.9.0/24/16"},
		asked{"min", "AAAA", "10.9.9.0/24", "1 2", "10.9.9.0/24/13"},
		asked{"min", "AAAA", "10.1.9.0/24", "1 2 3", "10.1.9.0/24/16"}, // us has one
	)
}

func TestPreferRegionWithTiers(t *testing.T) {
	t.Parallel()
	s := startRegions(t)
	p := s.picker(t)
	names := func(wanted string, subnets ...string) {
		t.Helper()
		for _, subnet := range subnets {
			got := servers(p.named("prio.lb.example.org", dns.TypeA, subnet))
			check(t, want(got == wanted, "%s is given %s, want %s", subnet, got, wanted))
		}
	}
	t.Log("the tier comes first: region is a preference among equals")
	names("2", "10.9.9.0/24", "10.1.9.0/24", "203.0.113.0/24")
	s.block(t, "127.29.1.2")
	names("1", "10.9.9.0/24")
	names("3 4", "10.1.9.0/24")
	names("1 3 4", "203.0.113.0/24")
}

// Under hash each client of a region has one of the region's members, and scopes are as fine as the finer of region and hash.
func TestPreferRegionUnderHash(t *testing.T) {
	t.Parallel()
	s := startRegions(t)
	p := s.picker(t)
	seen := map[string]bool{}
	for i := range 100 {
		subnet := "10." + itoa(8+i) + ".0.0/16"
		member := servers(p.named("hash.lb.example.org", dns.TypeA, subnet))
		seen[member] = true
		check(t, want(servers(p.named("hash.lb.example.org", dns.TypeA, subnet)) == member, "%s gets another", subnet))
		check(t, want(servers(p.named("hash.lb.example.org", dns.TypeAAAA, subnet)) == member, "%s gets another with AAAA", subnet))
	}
	check(t, want(len(seen) == 2 && seen["1"] && seen["2"], "clients in eu are given %v", seen))
	for subnet, wanted := range map[string]int{"10.9.9.0/24": 24, "10.9.0.0/16": 16, "10.9.9.9/32": 24, "10.2.3.0/24": 24, "10.2.0.0/22": 23} {
		r := p.ask("hash.lb.example.org", dns.TypeA, subnet)
		check(t, want(scope(r) == wanted, "the scope for %s is %d, want %d", subnet, scope(r), wanted))
	}
}
