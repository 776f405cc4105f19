package test

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const sharded = `
			member 127.23.1.1
			member 127.23.1.2
			member 127.23.1.3
			member 127.23.1.4
			member 127.23.1.5
			member 127.23.1.6
		}
		`

func startShard(t *testing.T) (*coredns, []string) {
	t.Helper()
	addrs := []string{"127.23.1.1", "127.23.1.2", "127.23.1.3", "127.23.1.4", "127.23.1.5", "127.23.1.6"}
	web := startMembers(t, addrs...)
	return startCoreDNS(t, lb(`
		check tcp {web}
		ecs 127.0.0.1
		state {dir}/state
		admin 127.0.0.1:{admin}
		shard 3
		pool www.lb.example.org {
			answers all`+sharded+`
		pool one.lb.example.org {
			answers 1`+sharded+`
		pool hash.lb.example.org {
			policy hash`+sharded+`
		pool five.lb.example.org {
			shard 5
			policy hash`+sharded+`
		pool plainhash.lb.example.org {
			shard off
			policy hash`+sharded+`
		pool first.lb.example.org {
			policy failover
			answers 1
			member 127.23.1.6 priority 1
			member 127.23.1.2 priority 1
			member 127.23.1.5 priority 1
			member 127.23.1.1 priority 1
			member 127.23.1.3 priority 2
		}
		pool off.lb.example.org {
			shard off`+sharded), "{web}", web.port), addrs
}

// Each client sees three of six, always the same; of those that go down, each is replaced by one, and comes back.
func TestShardIsStable(t *testing.T) {
	t.Parallel()
	s, addrs := startShard(t)
	p := s.picker(t)
	const clients = 120
	before := p.each("www.lb.example.org", clients)
	sets := tally(before)
	for set := range sets {
		check(t, want(len(strings.Fields(set)) == 3, "a client sees %s", set))
	}
	check(t, want(len(sets) >= 10, "of 20 ways to choose 3 of 6, %d clients have %d", clients, len(sets)))

	t.Log("policies choose among those")
	for i := range 20 {
		seen := map[string]bool{}
		for range 60 {
			seen[p.a("one.lb.example.org", subnetOf(i))] = true
		}
		// 60 draws miss one of 3 with a chance of 3 x (2/3)^60, below 1 in 10^10.
		check(t, want(len(seen) == 3, "client %d sees %v", i, seen))
		for addr := range seen {
			check(t, want(strings.Contains(before[i], addr), "client %d sees %s with one pool, and %s with another", i, addr, before[i]))
		}
		member := p.a("hash.lb.example.org", subnetOf(i))
		plain := p.a("plainhash.lb.example.org", subnetOf(i))
		check(t, want(member == plain, "client %d gets %s under hash with shard, and %s without", i, member, plain))
	}
	check(t, want(len(strings.Fields(p.a("off.lb.example.org", subnetOf(0)))) == 6, "`shard off` does not take it back"))

	t.Log("one after the other is lost")
	lost := []string{}
	was := before
	for _, addr := range addrs[:3] {
		lost = append(lost, addr)
		s.block(t, lost...)
		now := p.each("www.lb.example.org", clients)
		for i := range now {
			replaced := 0
			for _, a := range strings.Fields(was[i]) {
				if !strings.Contains(now[i], a) {
					replaced++
				}
			}
			most := 0
			if strings.Contains(was[i], addr) {
				most = 1
			}
			check(t, want(replaced == most && len(strings.Fields(now[i])) == 3, "client %d had %s, and has without %s %s", i, was[i], addr, now[i]))
		}
		was = now
	}
	s.block(t, addrs[:4]...)
	check(t, want(p.a("www.lb.example.org", subnetOf(0)) == addrs[4]+" "+addrs[5], "two are left, and %s is named", p.a("www.lb.example.org", subnetOf(0))))
	s.block(t)
	check(t, want(slices.Equal(p.each("www.lb.example.org", clients), before), "clients see others than before"))
}

func TestShardScope(t *testing.T) {
	t.Parallel()
	s, _ := startShard(t)
	for _, tc := range []struct{ name, subnet, want string }{
		{"www", "203.0.113.0/24", "203.0.113.0/24/24"},
		{"www", "203.0.113.7/32", "203.0.113.7/32/24"},
		{"one", "203.0.0.0/16", "203.0.0.0/16/16"},
		{"www", "2001:db8:1:200::/64", "2001:db8:1:200::/64/56"},
		{"hash", "203.0.113.7/32", "203.0.113.7/32/24"},
		{"off", "203.0.113.0/24", "203.0.113.0/24/0"},
	} {
		r := s.dig(t, tc.name+".lb.example.org", "+subnet="+tc.subnet)
		check(t, want(r.subnet == tc.want, "%s for %s: %s, want %s", tc.name, tc.subnet, r.subnet, tc.want))
	}
}

// With failover the first in the order written of those that a client sees is named, and the next when it is gone.
func TestShardWithFailover(t *testing.T) {
	t.Parallel()
	s, _ := startShard(t)
	p := s.picker(t)
	order := []string{"127.23.1.6", "127.23.1.2", "127.23.1.5", "127.23.1.1"}
	for i := range 30 {
		e := s.explain(t, "first.lb.example.org", subnetOf(i))
		first := ""
		for _, addr := range order {
			if e.member(t, addr).In {
				first = addr
				break
			}
		}
		got := p.a("first.lb.example.org", subnetOf(i))
		check(t, want(got == first, "client %d sees %+v, and is given %s", i, e.Members, got))
	}
	check(t, want(len(tally(p.each("first.lb.example.org", 60))) == 2, "of 4 members each client sees 3, so either of 2 is its first"))
	check(t, want(len(p.named("first.lb.example.org", dns.TypeA, subnetOf(0))) == 1, "want one"))
}

// Where a client goes under hash does not depend on whether there happen to be more eligible members than a client sees.
func TestShardWithHashKeepsClients(t *testing.T) {
	t.Parallel()
	s, addrs := startShard(t)
	p := s.picker(t)
	const clients = 100
	before := p.each("five.lb.example.org", clients)
	for _, lost := range addrs {
		s.block(t, lost)
		moved, example := 0, ""
		for i, now := range p.each("five.lb.example.org", clients) {
			if before[i] != lost && now != before[i] {
				moved++
				example = subnetOf(i) + " was with " + before[i] + " and is with " + now
			}
		}
		check(t, want(moved == 0, "with %s of six lost, %d of %d clients have left another: %s", lost, moved, clients, example))
	}
}
