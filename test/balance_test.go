package test

import (
	"math"
	"testing"

	"github.com/miekg/dns"
)

// With `balance`, those of one client network spill over to the next members when theirs has more than FACTOR times its fair share of the
// answers in caches. The TTL is an hour, so that none of them runs out here.
func TestHashBalance(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.24.1.1", "127.24.1.2", "127.24.1.3", "127.24.1.4")
	const members = "member 127.24.1.1\nmember 127.24.1.2\nmember 127.24.1.3\nmember 127.24.1.4 weight 2\n}\n"
	s := startCoreDNS(t, lb(`
		check tcp {web}
		ecs 127.0.0.1
		ttl 1h
		admin 127.0.0.1:{admin}
		pool one.lb.example.org {
			policy hash balance 1.5
			`+members+`
		pool even.lb.example.org {
			policy hash balance 1
			`+members+`
		pool two.lb.example.org {
			policy hash balance 1.25
			answers 2
			`+members+`
		pool many.lb.example.org {
			policy hash balance 1.25
			`+members+`
		pool free.lb.example.org {
			policy hash
			`+members, "prometheus 127.0.0.1:{metrics}"), "{web}", web.port)
	p := s.picker(t)
	shares := map[string]float64{"127.24.1.1": 0.2, "127.24.1.2": 0.2, "127.24.1.3": 0.2, "127.24.1.4": 0.4}
	const queries = 200
	for _, tc := range []struct {
		pool    string
		factor  float64
		clients int
	}{{"one", 1.5, 1}, {"even", 1, 1}, {"two", 1.25, 1}, {"many", 1.25, 100}} {
		name := tc.pool + ".lb.example.org"
		seen := map[string]int{}
		for i := range queries {
			for _, addr := range p.named(name, dns.TypeA, subnetOf(i%tc.clients)) {
				seen[addr]++
			}
		}
		doc := s.pool(t, name)
		sum := 0.0
		for addr, share := range shares {
			a := doc.address(t, addr)
			if a.Load == nil {
				t.Fatalf("%s has no load: %+v", tc.pool, doc)
			}
			sum += a.Load.Leases
			bound := math.Ceil(tc.factor*share*queries - 1e-6)
			check(t, want(a.Load.Leases <= bound, "%s: %s has %v leases of %d, above %v", tc.pool, addr, a.Load.Leases, queries, bound))
			check(t, want(a.Answers == seen[addr], "%s: %s has been named %d times, and counts %d", tc.pool, addr, seen[addr], a.Answers))
			metric := s.metrics(t)[`coredns_healthlb_member_leases{family="A",member="`+addr+`",pool="`+name+`."}`]
			check(t, want(metric == a.Load.Leases, "%s: the metric of %s is %v, the API says %v", tc.pool, addr, metric, a.Load.Leases))
		}
		check(t, want(math.Abs(sum-queries) < 1e-3, "%s: %v leases of %d answers", tc.pool, sum, queries))
		check(t, want(len(seen) >= 3, "%s: spilled over to %v only", tc.pool, seen))
	}
	check(t, want(len(tally(p.each("free.lb.example.org", 1))) == 1, "one"))
	check(t, want(s.pool(t, "free.lb.example.org").Members[0].Addresses[0].Load == nil, "a pool that does not look at loads shows one"))

	t.Log("as long as nobody is full, a client has the same as without balance")
	fresh := s.dig(t, "one.lb.example.org", "+subnet=203.0.113.0/24")
	check(t, want(fresh.subnet == "203.0.113.0/24/24" && len(fresh.answer) == 1, "%s", fresh.text))
}

// After a reload that makes the TTL longer, leases last as long as the new answers do in caches.
func TestBalanceAfterLongerTTL(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.24.2.1", "127.24.2.2", "127.24.2.3", "127.24.2.4")
	corefile := func(ttl string) string {
		return lb(`
		check tcp {web}
		ecs 127.0.0.1
		ttl ` + ttl + ` low 1s
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			policy hash balance 1.25
			member 127.24.2.1
			member 127.24.2.2
			member 127.24.2.3
			member 127.24.2.4
		}`)
	}
	s := startCoreDNS(t, corefile("1s"), "{web}", web.port)
	s.reload(t, corefile("1h"))
	p := s.picker(t)
	const queries = 100
	for range queries {
		p.a("www.lb.example.org", "203.0.113.0/24")
	}
	doc, sum := s.pool(t, "www.lb.example.org"), 0.0
	for _, m := range doc.Members {
		leases := m.Addresses[0].Load.Leases
		sum += leases
		check(t, want(m.Addresses[0].Answers <= queries/4*125/100+1, "%s is in %d of %d answers, and has %v leases", m.ID, m.Addresses[0].Answers, queries, leases))
	}
	check(t, want(sum == queries, "%v leases of %d answers that are all in caches", sum, queries))
}
