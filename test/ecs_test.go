package test

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// Queries from 127.0.0.1 are believed, those from elsewhere are not.
func startECS(t *testing.T) *coredns {
	t.Helper()
	web := startMembers(t, "127.4.1.1", "127.4.1.2", "127.4.1.3", "127.4.1.4", "127.4.1.5")
	return startCoreDNS(t, lb(`
		check tcp {web}
		ecs 127.0.0.1/32
		pool hash.lb.example.org {
			policy hash
			member 127.4.1.1 2001:db8::1 probe_address ::1
			member 127.4.1.2
			member 127.4.1.3
			member 127.4.1.4
			member 127.4.1.5
		}
		pool robin.lb.example.org {
			answers 1
			member 127.4.1.1
			member 127.4.1.2
		}
		pool down.lb.example.org {
			policy hash
			check tcp {closed}
			member 127.4.1.1
			member 127.4.1.2
		}`), "{web}", web.port, "{closed}", freePort(t))
}

func TestClientSubnet(t *testing.T) {
	t.Parallel()
	s := startECS(t)

	t.Run("scope", func(t *testing.T) {
		for _, tc := range []struct{ rule, name, kind, subnet, want string }{
			{"the hash looks at 24 bits", "hash", "A", "203.0.113.0/24", "203.0.113.0/24/24"},
			{"and no more", "hash", "A", "203.0.113.77/32", "203.0.113.77/32/24"},
			{"a shorter prefix bounds it", "hash", "A", "203.0.0.0/16", "203.0.0.0/16/16"},
			{"a prefix between octets", "hash", "A", "203.0.112.0/21", "203.0.112.0/21/21"},
			{"of IPv6 it looks at 56 bits", "hash", "A", "2001:db8:1:200::/56", "2001:db8:1:200::/56/56"},
			{"and no more of IPv6", "hash", "A", "2001:db8:1:2ff::/64", "2001:db8:1:2ff::/64/56"},
			{"a shorter prefix of IPv6", "hash", "A", "2001:db8::/32", "2001:db8::/32/32"},
			{"the subnet's family is not the answer's", "hash", "AAAA", "203.0.113.0/24", ""},
			{"round robin is for everyone", "robin", "A", "203.0.113.0/24", "203.0.113.0/24/0"},
			{"all_down is for everyone", "down", "A", "203.0.113.0/24", "203.0.113.0/24/0"},
			{"NODATA is for everyone", "hash", "TXT", "203.0.113.0/24", "203.0.113.0/24/0"},
			{"NXDOMAIN is for everyone", "nobody", "A", "203.0.113.0/24", "203.0.113.0/24/0"},
			{"a client that wants no subnet", "hash", "A", "0.0.0.0/0", "0.0.0.0/0/0"},
			{"the same, of IPv6", "hash", "A", "::/0", "::/0/0"},
			{"the same, as dig abbreviates it", "hash", "A", "0", "0.0.0.0/0/0"},
		} {
			r := s.dig(t, "-b", "127.0.0.1", tc.name+".lb.example.org", tc.kind, "+subnet="+tc.subnet)
			if tc.want == "" {
				check(t, want(r.subnet != "" && r.status == "NOERROR", "%s: %s", tc.rule, r.text))
			} else {
				check(t, want(r.subnet == tc.want, "%s: want %s, got %q", tc.rule, tc.want, r.subnet))
			}
		}
	})
	t.Run("a subnet stays with its member", func(t *testing.T) {
		seen := map[string]bool{}
		for i := range 30 {
			network := fmt.Sprintf("203.0.%d.", i)
			member := s.one(t, withSubnet(question("hash.lb.example.org", dns.TypeA), network+"0/24"))
			seen[member] = true
			for _, other := range []string{network + "0/24", network + "77/32", network + "128/25"} {
				if got := s.one(t, withSubnet(question("hash.lb.example.org", dns.TypeA), other)); got != member {
					t.Errorf("%s0/24 gets %s, but %s gets %s", network, member, other, got)
				}
			}
		}
		check(t, want(len(seen) >= 4, "30 subnets are with %v", seen))
	})
	t.Run("without a subnet the source counts", func(t *testing.T) {
		plain := s.one(t, question("hash.lb.example.org", dns.TypeA))
		for _, none := range []string{"0.0.0.0/0", "::/0"} {
			if got := s.one(t, withSubnet(question("hash.lb.example.org", dns.TypeA), none)); got != plain {
				t.Errorf("with the subnet %s the answer is %s, without one %s", none, got, plain)
			}
		}
	})
	t.Run("sources that are not believed", func(t *testing.T) {
		plain := s.dig(t, "-b", "127.0.0.2", "hash.lb.example.org")
		for i := range 10 {
			subnet := fmt.Sprintf("203.0.%d.0/24", i)
			r := s.dig(t, "-b", "127.0.0.2", "hash.lb.example.org", "+subnet="+subnet)
			check(t, r.names(plain.data()...))
			check(t, want(r.subnet == "" && r.edns, "ECS in the reply to a stranger:\n%s", r.text))
		}
	})
	t.Run("all_down has both options", func(t *testing.T) {
		r := s.dig(t, "down.lb.example.org", "+subnet=203.0.113.0/24")
		check(t, want(r.ede == ede && r.subnet == "203.0.113.0/24/0", "%s", r.text))
	})
	t.Run("family 0 is echoed", func(t *testing.T) {
		m := question("hash.lb.example.org", dns.TypeA)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET}}
		opt := s.ask(t, m).IsEdns0()
		if opt == nil || len(opt.Option) != 1 {
			t.Fatalf("want one option, got %v", opt)
		}
		subnet, ok := opt.Option[0].(*dns.EDNS0_SUBNET)
		check(t, want(ok && subnet.Family == 0 && subnet.SourceNetmask == 0 && subnet.SourceScope == 0, "%v", opt))
	})
	t.Run("no ECS in a reply to a query without", func(t *testing.T) {
		check(t, want(s.dig(t, "hash.lb.example.org").subnet == "", "ECS in the reply"))
	})
}

// RFC 7871 section 7.2.1 wants FORMERR for each.
func TestMalformedClientSubnet(t *testing.T) {
	t.Parallel()
	s := startECS(t)
	for _, tc := range []struct{ rule, data string }{
		{"family 3", "\x00\x03\x18\x00\xcb\x00\x71"},
		{"family 0 with a prefix", "\x00\x00\x18\x00\xcb\x00\x71"},
		{"an IPv4 prefix of 33 bits", "\x00\x01\x21\x00\xcb\x00\x71\x01\x80"},
		{"an IPv6 prefix of 129 bits", "\x00\x02\x81\x00\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"},
		{"nothing at all", ""},
		{"1 byte", "\x00"},
		{"3 bytes", "\x00\x01\x18"},
		{"a bit past the prefix", "\x00\x01\x17\x00\xcb\x00\x71"},
		{"an IPv6 bit past the prefix", "\x00\x02\x2f\x00\x20\x01\x0d\xb8\x00\x01"},
		{"a scope in a query", "\x00\x01\x18\x18\xcb\x00\x71"},
	} {
		m := question("hash.lb.example.org", dns.TypeA)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: []byte(tc.data)}}
		packet, err := m.Pack()
		must(t, err)
		if r := s.send(t, packet); r.Rcode != dns.RcodeFormatError || len(r.Answer) > 0 || r.Id != m.Id {
			t.Errorf("%s: want FORMERR, got\n%v", tc.rule, r)
		}
		s.one(t, withSubnet(question("hash.lb.example.org", dns.TypeA), "203.0.113.0/24")) // the server goes on
	}
}
