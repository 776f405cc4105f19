package test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// A member of weight 0 is named only while there is no other, whatever the policy.
func TestStandby(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.21.1.1", "127.21.1.2", "127.21.1.9")
	policies := []string{"round_robin", "random", "weighted", "hash", "least", "failover", "hash balance 1", "round_robin shard"}
	var pools strings.Builder
	for _, policy := range policies {
		name := strings.ReplaceAll(policy, " ", "-")
		pools.WriteString("pool " + strings.ReplaceAll(name, "_", "-") + ".lb.example.org {\npolicy " + strings.TrimSuffix(policy, " shard"))
		if strings.HasSuffix(policy, "shard") {
			pools.WriteString("\nshard 1")
		}
		pools.WriteString("\nmember 127.21.1.9 weight 0 id standby\nmember 127.21.1.1 weight 2\nmember 127.21.1.2\n}\n")
	}
	s := startCoreDNS(t, lb("admin 127.0.0.1:{admin}\necs 127.0.0.1\nall_down nodata\ncheck tcp {web}\n"+pools.String()), "{web}", web.port)
	p := s.picker(t)
	all := func(wanted func(addrs string) bool) error {
		for _, policy := range policies {
			name := strings.NewReplacer(" ", "-", "_", "-").Replace(policy) + ".lb.example.org"
			for i := range 20 {
				if got := strings.Join(addresses(p.ask(name, dns.TypeA, subnetOf(i))), " "); !wanted(got) {
					return want(false, "%s names %s", policy, got)
				}
			}
		}
		return nil
	}
	without := func(addrs string) bool { return addrs != "" && !strings.Contains(addrs, "127.21.1.9") }
	must(t, all(without))

	t.Log("one of two is left")
	web.stop("127.21.1.1")
	eventually(t, func() error { return all(func(addrs string) bool { return addrs == "127.21.1.2" }) })

	t.Log("none is left but the standby")
	web.stop("127.21.1.2")
	eventually(t, func() error { return all(func(addrs string) bool { return addrs == "127.21.1.9" }) })
	family := s.pool(t, "hash.lb.example.org").Families[0]
	check(t, want(family.Eligible == 1 && !family.AllDown, "%+v", family))

	t.Log("nobody is left")
	web.stop("127.21.1.9")
	eventually(t, func() error { return all(func(addrs string) bool { return addrs == "" }) })

	t.Log("the standby steps back as soon as another is there")
	web.start(t, "127.21.1.9")
	eventually(t, func() error { return all(func(addrs string) bool { return addrs == "127.21.1.9" }) })
	web.start(t, "127.21.1.1")
	eventually(t, func() error { return all(func(addrs string) bool { return addrs == "127.21.1.1" }) })
}

// Standbys count for min_up only when no other member is eligible.
func TestStandbysAndMinUp(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.21.2.1", "127.21.2.2", "127.21.2.8", "127.21.2.9")
	s := startCoreDNS(t, lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {web}
			min_up 2
			all_down nodata
			member 127.21.2.1
			member 127.21.2.2
			member 127.21.2.8 weight 0
			member 127.21.2.9 weight 0
		}`), "{web}", web.port)
	check(t, s.dig(t, "www.lb.example.org").names("127.21.2.1", "127.21.2.2"))
	s.block(t, "127.21.2.1")
	check(t, s.dig(t, "www.lb.example.org").isNegative("NOERROR", "lb.example.org."))
	s.block(t, "127.21.2.1", "127.21.2.2")
	check(t, s.dig(t, "www.lb.example.org").names("127.21.2.8", "127.21.2.9"))
	s.block(t, "127.21.2.1", "127.21.2.2", "127.21.2.9")
	check(t, s.dig(t, "www.lb.example.org").isNegative("NOERROR", "lb.example.org."))
	s.block(t)
	check(t, s.dig(t, "www.lb.example.org").names("127.21.2.1", "127.21.2.2"))

	t.Log("the interlock does not let a standby stand in for one that counts")
	s.curl(t, "PUT /v1/blocklist", "127.21.2.2").is(t, 409, "min_up is 2")
}

// In a pool of nothing but standbys all are alike.
func TestOnlyStandbysAreMembers(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.21.3.1", "127.21.3.2")
	s := startCoreDNS(t, lb(`
		pool www.lb.example.org {
			check tcp {web}
			policy weighted
			member 127.21.3.1 weight 0
			member 127.21.3.2 weight 0
		}
		pool hash.lb.example.org {
			check tcp {web}
			policy hash
			ecs 127.0.0.1
			member 127.21.3.1 weight 0
			member 127.21.3.2 weight 0
		}`), "{web}", web.port)
	p := s.picker(t)
	got := p.counts("www.lb.example.org", 100)
	check(t, want(got["127.21.3.1"] == 50 && got["127.21.3.2"] == 50, "%v", got))
	check(t, want(len(tally(p.each("hash.lb.example.org", 50))) == 2, "50 clients go to one"))
}
