package test

import (
	"testing"
)

const ede = "0 (Other): (all_down)"

func TestAllDown(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.6.1.1", "127.6.1.2")
	s := startCoreDNS(t, lb(`
		check tcp {closed}
		ttl 30s low 2s
		pool all.lb.example.org {
			member 192.0.2.1 2001:db8::1 probe_address 127.6.1.1 probe_address ::1
			member 192.0.2.2 probe_address 127.6.1.2
		}
		pool nodata.lb.example.org {
			all_down nodata
			member 127.6.1.1
		}
		pool servfail.lb.example.org {
			all_down servfail
			member 127.6.1.1
		}
		pool refused.lb.example.org {
			all_down refused
			member 127.6.1.1
		}
		pool addresses.lb.example.org {
			all_down addresses 192.0.2.98 192.0.2.99
			member 127.6.1.1 ::1
		}
		pool two.lb.example.org {
			check tcp {web}
			min_up 2
			all_down nodata
			member 127.6.1.1
			member 127.6.1.2
			member 127.6.1.3
			member 127.6.1.4
		}
		pool three.lb.example.org {
			check tcp {web}
			min_up 3
			member 127.6.1.1
			member 127.6.1.2
			member 127.6.1.3
			member 127.6.1.4
		}
		pool half.lb.example.org {
			check tcp {web}
			min_up 50%
			member 127.6.1.1
			member 127.6.1.2
			member 127.6.1.3
		}
		pool most.lb.example.org {
			check tcp {web}
			min_up 51%
			member 127.6.1.1
			member 127.6.1.2
			member 127.6.1.3
			member 127.6.1.4
		}`), "{web}", web.port, "{closed}", freePort(t))

	t.Run("all", func(t *testing.T) {
		r := s.dig(t, "all.lb.example.org")
		check(t, r.names("192.0.2.1", "192.0.2.2"))
		check(t, want(r.ttls() == "[2]" && r.ede == ede, "%s", r.text))
		r = s.dig(t, "all.lb.example.org", "AAAA")
		check(t, r.names("2001:db8::1"))
		check(t, want(r.ttls() == "[2]" && r.ede == ede, "%s", r.text))
	})
	t.Run("nodata", func(t *testing.T) {
		r := s.dig(t, "nodata.lb.example.org")
		check(t, r.isNegative("NOERROR", "lb.example.org."))
		check(t, want(r.ede == ede, "%s", r.text))
	})
	for _, tc := range []struct{ name, status string }{{"servfail", "SERVFAIL"}, {"refused", "REFUSED"}} {
		t.Run(tc.name, func(t *testing.T) {
			r := s.dig(t, tc.name+".lb.example.org")
			check(t, want(r.status == tc.status && r.ede == ede && len(r.answer)+len(r.authority) == 0, "%s", r.text))
		})
	}
	t.Run("addresses", func(t *testing.T) {
		r := s.dig(t, "addresses.lb.example.org")
		check(t, r.names("192.0.2.98", "192.0.2.99"))
		check(t, want(r.ttls() == "[2]" && r.ede == ede, "%s", r.text))
		r = s.dig(t, "addresses.lb.example.org", "AAAA")
		check(t, r.isNegative("NOERROR", "lb.example.org."))
		check(t, want(r.ede == ede, "%s", r.text))
	})
	t.Run("min_up", func(t *testing.T) {
		r := s.dig(t, "two.lb.example.org")
		check(t, r.names("127.6.1.1", "127.6.1.2"))
		check(t, want(r.ttls() == "[30]" && r.ede == "", "%s", r.text))
		r = s.dig(t, "three.lb.example.org")
		check(t, r.names("127.6.1.1", "127.6.1.2", "127.6.1.3", "127.6.1.4"))
		check(t, want(r.ttls() == "[2]" && r.ede == ede, "%s", r.text))
		check(t, want(s.dig(t, "half.lb.example.org").ede == "", "2 of 3 are 50%%"))
		check(t, want(s.dig(t, "most.lb.example.org").ede == ede, "2 of 4 are not 51%%"))
	})
	t.Run("a client without EDNS gets no EDE", func(t *testing.T) {
		for _, name := range []string{"all", "nodata", "servfail", "refused", "addresses", "three"} {
			r := s.dig(t, name+".lb.example.org", "+noedns")
			check(t, want(!r.edns && r.ede == "", "%s: an OPT record for a client without EDNS:\n%s", name, r.text))
		}
		check(t, s.dig(t, "all.lb.example.org", "+noedns").names("192.0.2.1", "192.0.2.2"))
		check(t, want(s.dig(t, "servfail.lb.example.org", "+noedns").status == "SERVFAIL", "not SERVFAIL"))
		check(t, want(s.dig(t, "refused.lb.example.org", "+noedns").status == "REFUSED", "not REFUSED"))
	})
	t.Run("losing one more is seen", func(t *testing.T) {
		web.stop("127.6.1.2")
		eventually(t, func() error {
			r := s.dig(t, "two.lb.example.org")
			return want(r.ede == ede && len(r.answer) == 0 && r.status == "NOERROR", "%s", r.text)
		})
	})
}

// A member whose last probe has failed is answered with, for as short as may be.
func TestSuspectHasLowTTL(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.6.2.1", "127.6.2.2")
	s := startCoreDNS(t, lb(`
		check tcp {web}
		ttl 30s low 3s
		pool both.lb.example.org {
			failures 1000
			member 127.6.2.1
			member 127.6.2.2
		}
		pool each.lb.example.org {
			failures 1000
			answers 1
			member 127.6.2.1
			member 127.6.2.2
		}`), "{web}", web.port)

	both := []string{"127.6.2.1", "127.6.2.2"}
	ttl := func(name, ttls string) error {
		r := s.dig(t, name)
		return want(r.ttls() == ttls && r.ede == "", "want %s, got\n%s", ttls, r.text)
	}
	must(t, ttl("both.lb.example.org", "[30]"))
	web.stop("127.6.2.2")
	eventually(t, func() error { return ttl("both.lb.example.org", "[3]") })
	must(t, s.dig(t, "both.lb.example.org").names(both...))
	for range 4 {
		r := s.dig(t, "each.lb.example.org")
		good := r.names("127.6.2.1") == nil && r.ttls() == "[30]" || r.names("127.6.2.2") == nil && r.ttls() == "[3]"
		check(t, want(good, "%s", r.text))
	}
	web.start(t, "127.6.2.2")
	eventually(t, func() error { return ttl("both.lb.example.org", "[30]") })
}
