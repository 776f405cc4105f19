package test

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// The first in the order written answers, alone; then the next; and back.
func TestFailover(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.27.1.1", "127.27.1.2", "127.27.1.3")
	s := startCoreDNS(t, lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		check tcp {web}
		ecs 127.0.0.1
		pool www.lb.example.org {
			policy failover
			member 127.27.1.3
			member 127.27.1.1
			member 127.27.1.2
		}`), "{web}", web.port)
	names := func(addr string) error { return s.dig(t, "www.lb.example.org").names(addr) }
	r := s.dig(t, "www.lb.example.org", "+subnet=203.0.113.0/24")
	check(t, r.names("127.27.1.3"))
	check(t, want(r.subnet == "203.0.113.0/24/0", "it is so for everyone:\n%s", r.text))
	web.stop("127.27.1.3")
	eventually(t, func() error { return names("127.27.1.1") })
	web.stop("127.27.1.1")
	eventually(t, func() error { return names("127.27.1.2") })
	web.start(t, "127.27.1.1")
	eventually(t, func() error { return names("127.27.1.1") })
	web.stop("127.27.1.2") // of no account
	web.start(t, "127.27.1.3")
	eventually(t, func() error { return names("127.27.1.3") })
	p := s.picker(t)
	for i := range 100 {
		check(t, want(p.a("www.lb.example.org", subnetOf(i)) == "127.27.1.3", "client %d gets another", i))
	}
	web.stop("127.27.1.1", "127.27.1.3")
	eventually(t, func() error {
		r := s.dig(t, "www.lb.example.org")
		return want(r.ede == ede && len(r.answer) == 3, "%s", r.text)
	})
}

// Those with a priority come first, and form tiers as with any policy; in a tier the first of them that fit are named.
func TestFailoverWithPriorities(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.27.2.1", "127.27.2.2", "127.27.2.3", "127.27.2.4", "127.27.2.5")
	s := startCoreDNS(t, lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		check tcp {web}
		policy failover
		answers 2
		pool www.lb.example.org {
			member 127.27.2.4
			member 127.27.2.5
			member 127.27.2.3 priority 7
			member 127.27.2.1 priority 7
			member 127.27.2.2 priority 7
		}`), "{web}", web.port)
	for _, tc := range []struct {
		blocked, want []string
	}{
		{nil, []string{"127.27.2.3", "127.27.2.1"}},
		{[]string{"127.27.2.3"}, []string{"127.27.2.1", "127.27.2.2"}},
		{[]string{"127.27.2.1"}, []string{"127.27.2.3", "127.27.2.2"}},
		{[]string{"127.27.2.1", "127.27.2.3"}, []string{"127.27.2.2"}},
		{[]string{"127.27.2.1", "127.27.2.2", "127.27.2.3"}, []string{"127.27.2.4"}},
		{[]string{"127.27.2.1", "127.27.2.2", "127.27.2.3", "127.27.2.4"}, []string{"127.27.2.5"}},
		{nil, []string{"127.27.2.3", "127.27.2.1"}},
	} {
		s.block(t, tc.blocked...)
		for range 5 {
			check(t, s.dig(t, "www.lb.example.org").names(slices.Clone(tc.want)...))
		}
	}
}

// A tier is found for each family: the second site gives its IPv6 address while the first has none that is well.
func TestFailoverByFamily(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.27.3.1", "127.27.3.2", "::1")
	s := startCoreDNS(t, lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		check tcp {web}
		policy failover
		pool www.lb.example.org {
			member 127.27.3.1 2001:db8::1 probe_address ::1
			member 127.27.3.2 2001:db8::2 probe_address ::1
		}`), "{web}", web.port)
	p := s.picker(t)
	both := func(a, aaaa string) error {
		four, six := p.named("www.lb.example.org", dns.TypeA, ""), p.named("www.lb.example.org", dns.TypeAAAA, "")
		return want(slices.Equal(four, []string{a}) && slices.Equal(six, []string{aaaa}), "want %s and %s, got %v and %v", a, aaaa, four, six)
	}
	must(t, both("127.27.3.1", "2001:db8::1"))
	s.block(t, "2001:db8::1")
	check(t, both("127.27.3.1", "2001:db8::2"))
	s.block(t, "127.27.3.1")
	check(t, both("127.27.3.2", "2001:db8::1"))
	s.block(t)
	web.stop("127.27.3.1")
	eventually(t, func() error { return both("127.27.3.2", "2001:db8::1") })
}
