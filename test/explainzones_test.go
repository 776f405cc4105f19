package test

import "testing"

// A query goes to the server block with the longest zone, and so does a question about it.
func TestExplainInNestedZones(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.33.2.1", "127.33.2.2")
	s := startCoreDNS(t, `
example.org:{dns} {
	bind 127.0.0.1
	healthlb {
		admin 127.0.0.1:{admin}
		check tcp {web}
		pool *.example.org {
			member 127.33.2.1
		}
	}
}
lb.example.org:{dns} {
	bind 127.0.0.1
	healthlb {
		check tcp {web}
		pool www.lb.example.org {
			member 127.33.2.2
		}
	}
}`, "{web}", web.port)
	for name, addr := range map[string]string{"a.example.org": "127.33.2.1", "www.lb.example.org": "127.33.2.2"} {
		check(t, s.dig(t, name).names(addr))
		check(t, want(s.explain(t, name, "203.0.113.7").names() == addr, "%s: %+v", name, s.explain(t, name, "203.0.113.7")))
	}
	check(t, s.dig(t, "a.lb.example.org").isNegative("NXDOMAIN", "lb.example.org."))
	r := s.curl(t, "GET /v1/explain?name=a.lb.example.org&client=203.0.113.7", "")
	check(t, want(r.status == 404, "a.lb.example.org does not exist, and is explained: %d %s", r.status, r.body))
}
