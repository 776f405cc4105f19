package test

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// many are 40 members behind one server: too many for 512 bytes.
func many() (lines string, addrs []string) {
	var b strings.Builder
	for i := range 40 {
		addr := "192.0.2." + string(rune('1'+i/10)) + string(rune('0'+i%10))
		addrs = append(addrs, addr)
		b.WriteString("member " + addr + " probe_address 127.3.1.1\n")
	}
	slices.Sort(addrs)
	return b.String(), addrs
}

func startZone(t *testing.T) (*coredns, *members, []string) {
	t.Helper()
	web := startMembers(t, "127.3.1.1")
	lines, addrs := many()
	s := startCoreDNS(t, lb(`
		check tcp {web}
		ns ns1.lb.example.org 192.0.2.53 2001:db8::53 ns2.example.net
		soa mbox dns.example.org negative 7s
		all_down nodata
		pool www.lb.example.org {
			member 127.3.1.1
		}
		pool dual.lb.example.org {
			member 127.3.1.1 ::1
		}
		pool a.b.lb.example.org {
			member 127.3.1.1
		}
		pool *.wild.lb.example.org {
			member 127.3.1.1
		}
		pool host.wild.lb.example.org {
			member 192.0.2.1 probe_address 127.3.1.1
		}
		pool many.lb.example.org {
			answers all
			`+lines+`
		}`, "chaos"), "{web}", web.port)
	return s, web, addrs
}

func TestZone(t *testing.T) {
	t.Parallel()
	s, web, addrs := startZone(t)
	const zone = "lb.example.org."

	t.Run("positive answers have AA, and no RA", func(t *testing.T) {
		r := s.dig(t, "www.lb.example.org")
		check(t, r.names("127.3.1.1"))
		check(t, want(r.has("aa") && !r.has("ra") && !r.has("tc"), "flags %v", r.flags))
		check(t, want(len(r.authority)+len(r.additional) == 0, "more than was asked for:\n%s", r.text))
		check(t, want(r.answer[0].ttl == "30" && r.answer[0].name == "www.lb.example.org.", "%v", r.answer))
	})
	t.Run("A and AAAA are judged apart", func(t *testing.T) {
		check(t, s.dig(t, "dual.lb.example.org").names("127.3.1.1"))
		check(t, s.dig(t, "dual.lb.example.org", "AAAA").isNegative("NOERROR", zone))
		web.start(t, "::1")
		eventually(t, func() error { return s.dig(t, "dual.lb.example.org", "AAAA").names("::1") })
		check(t, s.dig(t, "dual.lb.example.org").names("127.3.1.1"))
		web.stop("::1")
		eventually(t, func() error { return s.dig(t, "dual.lb.example.org", "AAAA").isNegative("NOERROR", zone) })
		check(t, s.dig(t, "dual.lb.example.org").names("127.3.1.1"))
	})
	t.Run("negative answers", func(t *testing.T) {
		for _, tc := range []struct{ name, kind, status string }{
			{"www.lb.example.org", "AAAA", "NOERROR"},
			{"www.lb.example.org", "MX", "NOERROR"},
			{"www.lb.example.org", "TXT", "NOERROR"},
			{"www.lb.example.org", "HTTPS", "NOERROR"},
			{"www.lb.example.org", "CNAME", "NOERROR"},
			{"www.lb.example.org", "SOA", "NOERROR"},
			{"www.lb.example.org", "DS", "NOERROR"},
			{"www.lb.example.org", "TYPE65280", "NOERROR"},
			{"lb.example.org", "A", "NOERROR"},
			{"lb.example.org", "DS", "NOERROR"},
			{"lb.example.org", "DNSKEY", "NOERROR"},
			{"b.lb.example.org", "A", "NOERROR"}, // an empty non-terminal
			{"wild.lb.example.org", "A", "NOERROR"},
			{"x.wild.lb.example.org", "AAAA", "NOERROR"},
			{"host.wild.lb.example.org", "AAAA", "NOERROR"},
			{"ns1.lb.example.org", "TXT", "NOERROR"},
			{"nobody.lb.example.org", "A", "NXDOMAIN"},
			{"x.www.lb.example.org", "A", "NXDOMAIN"},
			{"x.b.lb.example.org", "A", "NXDOMAIN"},
			{"x.host.wild.lb.example.org", "A", "NXDOMAIN"}, // an existing name stops the wildcard
			{"notwww.lb.example.org", "A", "NXDOMAIN"},      // names match by labels, not as text
		} {
			r := s.dig(t, tc.name, tc.kind)
			if err := r.isNegative(tc.status, zone); err != nil {
				t.Errorf("%s %s: %v", tc.name, tc.kind, err)
				continue
			}
			soa := strings.Fields(r.authority[0].data)
			check(t, want(r.authority[0].ttl == "7" && soa[6] == "7", "negative TTL: %v", r.authority))
		}
	})
	t.Run("wildcard", func(t *testing.T) {
		for _, name := range []string{"x.wild.lb.example.org.", "y.x.wild.lb.example.org.", "*.wild.lb.example.org."} {
			r := s.dig(t, name)
			check(t, r.names("127.3.1.1"))
			check(t, want(r.answer[0].name == name, "the owner is %s, not %s", r.answer[0].name, name))
		}
		check(t, s.dig(t, "host.wild.lb.example.org").names("192.0.2.1"))
	})
	t.Run("apex", func(t *testing.T) {
		r := s.dig(t, "lb.example.org", "SOA")
		check(t, want(len(r.answer) == 1 && r.has("aa"), "%s", r.text))
		check(t, want(strings.HasPrefix(r.answer[0].data, "ns1.lb.example.org. dns.example.org. "), "%v", r.answer))
		r = s.dig(t, "lb.example.org", "NS")
		check(t, r.names("ns1.lb.example.org.", "ns2.example.net."))
		glue := dataOf(r.additional)
		check(t, want(slices.Equal(glue, []string{"192.0.2.53", "2001:db8::53"}), "glue %v", glue))
		check(t, s.dig(t, "ns1.lb.example.org").names("192.0.2.53"))
		check(t, s.dig(t, "ns1.lb.example.org", "AAAA").names("2001:db8::53"))
	})
	t.Run("names outside the zone are refused", func(t *testing.T) {
		for _, name := range []string{"example.org", "evillb.example.org", "www.evillb.example.org"} {
			r := s.dig(t, name)
			check(t, want(r.status == "REFUSED" && !r.has("aa"), "%s: %s", name, r.text))
		}
	})
	t.Run("ANY is one RRset", func(t *testing.T) {
		r := s.dig(t, "dual.lb.example.org", "ANY", "+notcp")
		check(t, r.names("127.3.1.1"))
		r = s.dig(t, "lb.example.org", "ANY", "+notcp")
		check(t, want(len(r.answer) == 1 && r.answer[0].kind == "SOA", "%s", r.text))
		check(t, s.dig(t, "nobody.lb.example.org", "ANY", "+notcp").isNegative("NXDOMAIN", zone))
	})
	t.Run("another class is refused", func(t *testing.T) {
		m := question("www.lb.example.org", dns.TypeA)
		m.Question[0].Qclass = dns.ClassCHAOS // which the chaos plugin opens for the whole server
		r := s.ask(t, m)
		check(t, want(r.Rcode == dns.RcodeRefused && len(r.Answer) == 0, "%v", r))
	})
	t.Run("another opcode is not implemented", func(t *testing.T) {
		r := s.ask(t, new(dns.Msg).SetNotify(zone))
		check(t, want(r.Rcode == dns.RcodeNotImplemented && len(r.Answer) == 0, "%v", r))
		r = s.ask(t, new(dns.Msg).SetUpdate(zone))
		check(t, want(r.Rcode == dns.RcodeNotImplemented, "%v", r))
	})
	t.Run("zone transfers are refused", func(t *testing.T) {
		for _, network := range []string{"udp", "tcp"} {
			check(t, want(s.askOver(t, network, new(dns.Msg).SetAxfr(zone)).Rcode == dns.RcodeRefused, "AXFR over %s", network))
			ixfr := new(dns.Msg).SetIxfr(zone, 1, "ns1.lb.example.org.", "dns.example.org.")
			check(t, want(s.askOver(t, network, ixfr).Rcode == dns.RcodeRefused, "IXFR over %s", network))
		}
	})
	t.Run("the question keeps its case", func(t *testing.T) {
		r := s.ask(t, question("wWw.lB.ExAmPlE.oRg", dns.TypeA))
		check(t, want(r.Question[0].Name == "wWw.lB.ExAmPlE.oRg.", "the question came back as %s", r.Question[0].Name))
		check(t, want(len(r.Answer) == 1 && r.Answer[0].Header().Name == "www.lb.example.org.", "%v", r))
		check(t, s.dig(t, "X.wIlD.lb.example.org").names("127.3.1.1"))
		check(t, s.dig(t, "NOBODY.LB.EXAMPLE.ORG").isNegative("NXDOMAIN", zone))
	})
	t.Run("TCP", func(t *testing.T) {
		check(t, s.dig(t, "www.lb.example.org", "+tcp").names("127.3.1.1"))
		check(t, s.dig(t, "nobody.lb.example.org", "+tcp").isNegative("NXDOMAIN", zone))
	})
	t.Run("too large for UDP", func(t *testing.T) {
		r := s.dig(t, "many.lb.example.org", "+noedns", "+ignore")
		check(t, want(r.has("tc") && r.status == "NOERROR", "want TC, got\n%s", r.text))
		check(t, s.dig(t, "many.lb.example.org", "+noedns").names(slices.Clone(addrs)...)) // dig tries again over TCP
		check(t, s.dig(t, "many.lb.example.org", "+tcp").names(slices.Clone(addrs)...))
		r = s.dig(t, "many.lb.example.org", "+bufsize=1232", "+ignore")
		check(t, r.names(slices.Clone(addrs)...))
	})
	t.Run("EDNS of another version", func(t *testing.T) {
		r := s.dig(t, "www.lb.example.org", "+edns=1", "+noednsnegotiation")
		check(t, want(r.status == "BADVERS", "%s", r.text))
	})
}
