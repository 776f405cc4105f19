package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// sites has three sites of two members each, with an address per site: 127.26.N.S1 and 127.26.N.S2 are those of site S.
func sites(n int) (members string, addrs []string) {
	var lines strings.Builder
	for site := 3; site >= 1; site-- { // the order of lines does not matter
		for i := 1; i <= 2; i++ {
			addr := fmt.Sprintf("127.26.%d.%d%d", n, site, i)
			addrs = append(addrs, addr)
			fmt.Fprintf(&lines, "member %s priority %d weight %d\n", addr, site*10, i)
		}
	}
	return lines.String(), addrs
}

// The best site that has anyone answers, alone, whatever the policy; with the sites' ways there and back.
func TestPriorityOfThreeSites(t *testing.T) {
	t.Parallel()
	members, addrs := sites(1)
	web := startMembers(t, addrs...)
	policies := []string{"round_robin", "random", "weighted", "hash", "hash balance 1.25", "least", "failover", "round_robin\nshard 2", "hash\nshard 1"}
	var pools strings.Builder
	for i, policy := range policies {
		fmt.Fprintf(&pools, "pool p%d.lb.example.org {\npolicy %s\nanswers 2\n%s}\n", i, policy, members)
	}
	s := startCoreDNS(t, lb("state {dir}/state\nadmin 127.0.0.1:{admin}\necs 127.0.0.1\ncheck tcp {web}\n"+pools.String()), "{web}", web.port)
	p := s.picker(t)
	// only says whether all answers name these and no others; each of the site's must come.
	only := func(wanted ...string) error {
		for i, policy := range policies {
			seen := map[string]bool{}
			for client := range 40 {
				for _, addr := range p.named(fmt.Sprintf("p%d.lb.example.org", i), dns.TypeA, subnetOf(client)) {
					seen[addr] = true
				}
			}
			ok := len(seen) == len(wanted)
			for _, addr := range wanted {
				ok = ok && seen[addr]
			}
			if !ok {
				return want(false, "policy %q names %v, want %v", policy, seen, wanted)
			}
		}
		return nil
	}
	must(t, only("127.26.1.11", "127.26.1.12"))
	t.Log("half of the best site")
	s.block(t, "127.26.1.11")
	check(t, only("127.26.1.12"))
	t.Log("none of it")
	s.block(t, "127.26.1.11", "127.26.1.12")
	check(t, only("127.26.1.21", "127.26.1.22"))
	t.Log("only the last")
	s.block(t, "127.26.1.11", "127.26.1.12", "127.26.1.21", "127.26.1.22")
	check(t, only("127.26.1.31", "127.26.1.32"))
	t.Log("the second is back")
	s.block(t, "127.26.1.11", "127.26.1.12", "127.26.1.21")
	check(t, only("127.26.1.22"))
	t.Log("so is the first")
	s.block(t)
	check(t, only("127.26.1.11", "127.26.1.12"))

	t.Log("the same by health")
	web.stop("127.26.1.11", "127.26.1.12")
	eventually(t, func() error { return only("127.26.1.21", "127.26.1.22") })
	web.start(t, "127.26.1.12")
	eventually(t, func() error { return only("127.26.1.12") })
}

// min_up is asked of a tier; where none has enough, the best with anyone answers; all_down takes the whole pool.
func TestPriorityAndMinUp(t *testing.T) {
	t.Parallel()
	members, addrs := sites(2)
	web := startMembers(t, addrs...)
	s := startCoreDNS(t, lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		check tcp {web}
		all_down nodata
		pool two.lb.example.org {
			min_up 2
			`+members+`
		}
		pool percent.lb.example.org {
			min_up 51%
			`+members+`
		}
		pool one.lb.example.org {
			`+members+`
		}`), "{web}", web.port)
	const a1, a2, b1, b2, c1, c2 = "127.26.2.11", "127.26.2.12", "127.26.2.21", "127.26.2.22", "127.26.2.31", "127.26.2.32"
	names := func(two, percent, one string) {
		t.Helper()
		for name, wanted := range map[string]string{"two": two, "percent": percent, "one": one} {
			r := s.dig(t, name+".lb.example.org")
			check(t, want(r.status == "NOERROR" && strings.Join(r.data(), " ") == wanted, "%s: want %q, got %v", name, wanted, r.data()))
		}
	}
	names(a1+" "+a2, a1+" "+a2, a1+" "+a2)
	s.block(t, a1)
	names(b1+" "+b2, b1+" "+b2, a2)
	s.block(t, a1, b2)
	names(c1+" "+c2, c1+" "+c2, a2) // 51% of a tier of two is two, and of the pool of six it is four: so many are left
	s.block(t, a1, b2, c1)
	names(a2, "", a2) // three of six are fewer than 51%
	s.block(t, a1, a2, b1, c1)
	names(b2, "", b2)
	s.block(t, a1, a2, b1, c1, c2)
	names("", "", b2)
	s.block(t, a1, a2, b1, b2, c1, c2)
	names("", "", "")
	s.block(t)
	names(a1+" "+a2, a1+" "+a2, a1+" "+a2)

	doc := s.pool(t, "two.lb.example.org")
	check(t, want(doc.Families[0].Eligible == 6 && doc.Members[0].Priority == 30 && doc.Members[0].Weight == 1, "%+v", doc))
}
