package test

import (
	"testing"
)

// Without reports, the members' answer leases are their load: they stay close to each other, by weight.
func TestLeastByLeases(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.25.1.1", "127.25.1.2", "127.25.1.3", "127.25.1.4")
	s := startCoreDNS(t, lb(`
		check tcp {web}
		policy least
		ttl 1h
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			member 127.25.1.1
			member 127.25.1.2
			member 127.25.1.3
			member 127.25.1.4 weight 3
		}
		pool two.lb.example.org {
			answers 2
			member 127.25.1.1
			member 127.25.1.2
			member 127.25.1.3
			member 127.25.1.4
		}`), "{web}", web.port)
	p := s.picker(t)
	const queries = 600
	got := p.counts("www.lb.example.org", queries)
	for addr, share := range map[string]int{"127.25.1.1": 100, "127.25.1.2": 100, "127.25.1.3": 100, "127.25.1.4": 300} {
		// Two choices keep each within some few answers of its share; a plain draw would have a standard deviation of 9 to 12.
		check(t, want(got[addr] > share-50 && got[addr] < share+50, "%s is in %d of %d answers, want about %d", addr, got[addr], queries, share))
		load := s.pool(t, "www.lb.example.org").address(t, addr).Load
		check(t, want(load != nil && int(load.Leases+0.5) == got[addr] && load.Reported == nil, "%s: %+v", addr, load))
	}
	r := s.dig(t, "www.lb.example.org", "+subnet=203.0.113.0/24")
	check(t, want(len(r.answer) == 1, "%s", r.text))

	got = p.counts("two.lb.example.org", queries)
	sum := 0
	for addr, n := range got {
		sum += n
		check(t, want(n > queries/2-60 && n < queries/2+60, "%s is in %d of %d answers of two", addr, n, queries))
	}
	check(t, want(sum == 2*queries && len(got) == 4, "%v", got))
}

// A member that reports more load than others gets less, until its report runs out. Two draws never name the same member, so the busiest
// of three loses to whoever else is drawn.
func TestLeastByReports(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.25.2.1", "127.25.2.2", "127.25.2.3")
	s := startCoreDNS(t, lb(`
		check tcp {web}
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			policy least report 1h
			member 127.25.2.1 id web-1
			member 127.25.2.2 id web-2
			member 127.25.2.3 id web-3
		}
		pool short.lb.example.org {
			policy least report 1s
			ttl 1h
			member 127.25.2.1 id web-1
			member 127.25.2.2 id web-2
		}`), "{web}", web.port)
	p := s.picker(t)
	report := func(pool, id, load string) {
		t.Helper()
		s.curl(t, "PUT /v1/pools/"+pool+".lb.example.org/members/"+id+"/load", `{"load": `+load+`}`, "Content-Type: application/json").is(t, 200, id)
	}
	t.Log("with everyone's report, the order is that of the reports")
	report("www", "web-1", "0.9")
	report("www", "web-2", "0.5")
	report("www", "web-3", "0.1")
	got := p.counts("www.lb.example.org", 300)
	check(t, want(got["127.25.2.1"] == 0, "the busiest of three loses each duel, and yet: %v", got))
	// web-3 wins 2 of the 3 equally likely pairs, web-2 one: 200 and 100 with a standard deviation of 8.
	check(t, want(got["127.25.2.3"] > 130 && got["127.25.2.3"] < 270, "%v", got))
	check(t, want(got["127.25.2.2"] > 30, "never a plain argmin: %v", got))
	load := s.pool(t, "www.lb.example.org").address(t, "127.25.2.1").Load
	check(t, want(load != nil && load.Reported != nil && *load.Reported == 0.9, "%+v", load))

	t.Log("a new report moves the traffic")
	report("www", "web-3", "2.5e0")
	got = p.counts("www.lb.example.org", 300)
	check(t, want(got["127.25.2.3"] == 0 && got["127.25.2.2"] > got["127.25.2.1"], "%v", got))

	t.Log("a report outlives a reload")
	s.reload(t, readFile(t, s.corefile()))
	check(t, want(p.counts("www.lb.example.org", 50)["127.25.2.3"] == 0, "the report is forgotten"))

	t.Log("it counts until it is old, and then leases do")
	report("short", "web-1", "0")
	report("short", "web-2", "1")
	eventually(t, func() error {
		for _, addr := range []string{"127.25.2.1", "127.25.2.2"} {
			if load := s.pool(t, "short.lb.example.org").address(t, addr).Load; load.Reported != nil {
				return want(false, "%s has reported %v", addr, *load.Reported)
			}
		}
		return nil
	})
	got = p.counts("short.lb.example.org", 200)
	check(t, want(got["127.25.2.2"] > 50, "of two without a report, one has %v", got))
}

func TestLoadReportErrors(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	writeFile(t, files+"/tokens", tokenFile)
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin} token_file {files}/tokens
		check tcp {closed}
		pool www.lb.example.org {
			policy least report 10s
			member 127.25.3.1 id web-1
		}
		pool mute.lb.example.org {
			policy least
			member 127.25.3.1
		}
		pool robin.lb.example.org {
			member 127.25.3.1
		}`), "{files}", files, "{closed}", freePort(t))
	const good, js = `{"load": 0.7}`, "Content-Type: application/json"
	const register = "Authorization: Bearer register-0123456789"
	for _, tc := range []struct {
		rule, path, body, who string
		status                int
	}{
		{"an operator, though there is no state directory", "www.lb.example.org/members/web-1", good, operator, 200},
		{"a member of its own", "www.lb.example.org./members/web-1", good, register, 200},
		{"capitals", "WWW.lb.example.org/members/web-1", good, operator, 200},
		{"a reader", "www.lb.example.org/members/web-1", good, reader, 403},
		{"nobody", "www.lb.example.org/members/web-1", good, "X-Nothing: at all", 401},
		{"a pool without report", "mute.lb.example.org/members/127.25.3.1", good, operator, 409},
		{"a pool of another policy", "robin.lb.example.org/members/127.25.3.1", good, operator, 409},
		{"no such pool", "nobody.lb.example.org/members/web-1", good, operator, 404},
		{"no such member", "www.lb.example.org/members/web-2", good, operator, 404},
		{"the address of a member with another id", "www.lb.example.org/members/127.25.3.1", good, operator, 404},
		{"no number", "www.lb.example.org/members/web-1", `{"load": "0.7"}`, operator, 400},
		{"less than nothing", "www.lb.example.org/members/web-1", `{"load": -1}`, operator, 400},
		{"too much", "www.lb.example.org/members/web-1", `{"load": 1e300}`, operator, 400},
		{"nothing", "www.lb.example.org/members/web-1", ``, operator, 400},
		{"an unknown field", "www.lb.example.org/members/web-1", `{"laod": 1}`, operator, 400},
		{"a query parameter", "www.lb.example.org/members/web-1/load?force=1#", good, operator, 400},
	} {
		r := s.curl(t, "PUT /v1/pools/"+tc.path+"/load", tc.body, tc.who, js)
		check(t, want(r.status == tc.status, "%s: want %d, got %d %s", tc.rule, tc.status, r.status, r.body))
		if r.status >= 400 {
			check(t, want(decode[problemDoc](t, r).Detail != "", "%s: %s", tc.rule, r.body))
		}
	}
	s.curl(t, "GET /v1/pools/www.lb.example.org/members/web-1/load", "", operator).is(t, 405)
	s.curl(t, "PUT /v1/pools/www.lb.example.org/members/web-1/load", good, operator, "Content-Type: text/csv").is(t, 415)
	s.curl(t, "PUT /v1/pools/mute.lb.example.org/members/127.25.3.1/load", good, operator, js).is(t, 409, "policy least report")
}
