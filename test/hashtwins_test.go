package test

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// Two responders that know the same members, in whatever order, give one client the same ones, without a word between them.
func TestHashIsTheSameOnTwoResponders(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.22.2.1", "127.22.2.2", "127.22.2.3", "127.22.2.4", "127.22.2.5")
	const first = `
			member 127.22.2.1 2001:db8::1 probe_address ::1 id web-1
			member 127.22.2.2 id web-2 weight 2
			member 127.22.2.3 id web-3
			member 127.22.2.4 id web-4
			member 127.22.2.5 id web-5
		}
		`
	const second = `
			member 127.22.2.5 id web-5
			member 127.22.2.3 id web-3
			member 2001:db8::1 127.22.2.1 probe_address ::1 id web-1
			member 127.22.2.4 id web-4
			member 127.22.2.2 weight 2 id web-2
		}
		`
	web.start(t, "::1")
	corefile := func(members string) string {
		return lb(`
		check tcp {web}
		ecs 127.0.0.1
		policy hash
		pool one.lb.example.org {` + members + `
		pool two.lb.example.org {
			answers 2` + members + `
		pool shard.lb.example.org {
			shard 3` + members)
	}
	a := startCoreDNS(t, corefile(first), "{web}", web.port)
	b := startCoreDNS(t, corefile(second), "{web}", web.port)
	pa, pb := a.picker(t), b.picker(t)
	same := func(clients int) error {
		for _, name := range []string{"one", "two", "shard"} {
			left, right := pa.each(name+".lb.example.org", clients), pb.each(name+".lb.example.org", clients)
			for i := range left {
				if left[i] != right[i] {
					return want(false, "%s: client %d gets %s here, and %s there", name, i, left[i], right[i])
				}
			}
		}
		return nil
	}
	must(t, same(150))
	check(t, want(len(tally(pa.each("one.lb.example.org", 150))) == 5, "some member has no client"))

	t.Log("so it is with a member down")
	web.stop("127.22.2.4")
	gone := func(p *picker) error {
		return want(!slices.Contains(p.each("one.lb.example.org", 60), "127.22.2.4"), "127.22.2.4 is answered with")
	}
	eventually(t, func() error { return gone(pa) })
	eventually(t, func() error { return gone(pb) })
	must(t, same(150))

	t.Log("and after a start with it down")
	c := startCoreDNS(t, corefile(second), "{web}", web.port)
	pb = c.picker(t)
	must(t, same(150))
	check(t, want(len(pb.named("two.lb.example.org", dns.TypeA, subnetOf(0))) == 2, "want two"))
}
