package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Member N of these has 127.28.1.N and 2001:db8::N.
const sixDual = `
			member 127.28.1.1 2001:db8::1 probe_address ::1
			member 127.28.1.2 2001:db8::2 probe_address ::1
			member 127.28.1.3 2001:db8::3 probe_address ::1
			member 127.28.1.4 2001:db8::4 probe_address ::1
			member 127.28.1.5 2001:db8::5 probe_address ::1
			member 127.28.1.6 2001:db8::6 probe_address ::1
`

// servers returns the numbers of the members that addresses belong to.
func servers(addrs []string) string {
	var ns []string
	for _, addr := range addrs {
		ns = append(ns, addr[strings.LastIndexAny(addr, ".:")+1:])
	}
	slices.Sort(ns)
	return strings.Join(ns, " ")
}

func startDual(t *testing.T) *coredns {
	t.Helper()
	web := startMembers(t, "127.28.1.1", "127.28.1.2", "127.28.1.3", "127.28.1.4", "127.28.1.5", "127.28.1.6", "::1")
	return startCoreDNS(t, lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		ecs 127.0.0.1
		check tcp {web}
		pool hash.lb.example.org {
			policy hash
			`+sixDual+`
		}
		pool hash2.lb.example.org {
			policy hash
			answers 2
			`+sixDual+`
		}
		pool weights.lb.example.org {
			policy hash
			answers 3
			`+strings.Replace(sixDual, "::3 ", "::3 weight 7 ", 1)+`
		}
		pool shard.lb.example.org {
			shard 3
			`+sixDual+`
		}
		pool shardhash.lb.example.org {
			policy hash
			shard 5
			`+sixDual+`
		}
		pool failover.lb.example.org {
			policy failover
			`+sixDual+`
		}
		pool tier.lb.example.org {
			policy failover
			answers 2
			`+strings.ReplaceAll(sixDual, "probe_address", "priority 4 probe_address")+`
		}`), "{web}", web.port)
}

var dualPools = []string{"hash", "hash2", "weights", "shard", "shardhash", "failover", "tier"}

// A and AAAA of one client name the same servers while these have both families.
func TestBothFamiliesNameTheSameServers(t *testing.T) {
	t.Parallel()
	s := startDual(t)
	p := s.picker(t)
	for _, pool := range dualPools {
		seen := map[string]bool{}
		for i := range 100 {
			four := servers(p.named(pool+".lb.example.org", dns.TypeA, subnetOf(i)))
			six := servers(p.named(pool+".lb.example.org", dns.TypeAAAA, subnetOf(i)))
			if four != six {
				t.Errorf("%s: client %d is given the servers %s with A, and %s with AAAA", pool, i, four, six)
			}
			seen[four] = true
		}
		check(t, want((len(seen) > 1) == !slices.Contains([]string{"failover", "tier"}, pool), "%s gives its clients %v", pool, seen))
	}
}

// With one server out of service in one family, the other family names the same as before, and the answers differ by that server only.
func TestOneFamilyOfAServerIsLost(t *testing.T) {
	t.Parallel()
	s := startDual(t)
	p := s.picker(t)
	for _, pool := range dualPools {
		name := pool + ".lb.example.org"
		mixed, example := 0, ""
		for lost := 1; lost <= 6; lost++ {
			s.block(t)
			var before []string
			for i := range 40 {
				before = append(before, servers(p.named(name, dns.TypeA, subnetOf(i))))
			}
			s.block(t, fmt.Sprintf("2001:db8::%d", lost))
			for i := range 40 {
				four, six := servers(p.named(name, dns.TypeA, subnetOf(i))), servers(p.named(name, dns.TypeAAAA, subnetOf(i)))
				check(t, want(four == before[i], "%s: the loss of an IPv6 address has moved client %d from %s to %s in IPv4", pool, i, before[i], four))
				check(t, want(!strings.Contains(six, fmt.Sprint(lost)), "%s: %d is named", pool, lost))
				for _, n := range strings.Fields(four) {
					if n != fmt.Sprint(lost) && !strings.Contains(six, n) {
						mixed++
						example = fmt.Sprintf("%s without the IPv6 address of %d: A names %s, AAAA names %s", subnetOf(i), lost, four, six)
					}
				}
			}
		}
		check(t, want(mixed == 0, "%s: %d of 240 times a server that is well in both families is in one answer only: %s", pool, mixed, example))
	}
}

// A family in which someone is eligible is never an empty answer, whoever that is, for no client.
func TestNoFamilyIsEmpty(t *testing.T) {
	t.Parallel()
	s := startDual(t)
	p := s.picker(t)
	for only := 1; only <= 6; only++ {
		var blocked []string
		for n := 1; n <= 6; n++ {
			if n != only {
				blocked = append(blocked, fmt.Sprintf("2001:db8::%d", n))
			}
			if n != 7-only {
				blocked = append(blocked, fmt.Sprintf("127.28.1.%d", n))
			}
		}
		s.block(t, blocked...)
		for _, pool := range dualPools {
			for i := range 10 {
				six := servers(p.named(pool+".lb.example.org", dns.TypeAAAA, subnetOf(i)))
				four := servers(p.named(pool+".lb.example.org", dns.TypeA, subnetOf(i)))
				check(t, want(six == fmt.Sprint(only) && four == fmt.Sprint(7-only), "%s: %s in IPv4, %s in IPv6", pool, four, six))
			}
		}
	}
	r := s.dig(t, "hash.lb.example.org", "AAAA", "+subnet=2001:db8:7::/48")
	check(t, want(r.subnet == "2001:db8:7::/48/48" || r.subnet == "2001:db8:7::/48/0", "%s", r.text))
	check(t, r.names("2001:db8::6"))
}
