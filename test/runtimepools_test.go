package test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/api"
)

func lines(l ...string) api.PoolSpec { return api.PoolSpec{Lines: append([]string{}, l...)} }

func TestPoolsAtRunTime(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.33.1.1", "127.33.1.2", "127.33.1.3", "127.33.1.5", "127.33.1.6")
	s := startCoreDNS(t, operated(`
		pool www.lb.example.org {
			member 127.33.1.1
		}
	}
}
fixed.example.org:{dns} {
	bind 127.0.0.1
	healthlb {
		state {dir}/state
		admin 127.0.0.1:{admin}
		pool www.fixed.example.org {
			check tcp {web}
			dynamic
			member 127.33.1.1
		}`), "{web}", web.port)
	const zone = "lb.example.org."
	check(t, s.dig(t, "a.b.lb.example.org").isNegative("NXDOMAIN", zone))
	serial := s.serial(t)
	moves := func() {
		t.Helper()
		eventually(t, func() error { return want(s.serial(t) > serial, "the serial is still %s", serial) })
		serial = s.serial(t)
	}

	t.Log("empty, it is there at once")
	made := decode[api.PoolChange](t, s.order(t, "PUT /v1/pools/a.b.lb.example.org", lines("ttl 9s", "all_down nodata", "min_up 1")).is(t, 200))
	check(t, s.dig(t, "a.b.lb.example.org").isNegative("NOERROR", zone))
	check(t, s.dig(t, "b.lb.example.org").isNegative("NOERROR", zone))
	p := made.Pool
	check(t, want(made.Changed && p != nil && p.Source == "api" && p.Dynamic && p.Status == "empty" && p.TTL == 9 && p.Zone == zone, "%+v", made))
	moves()

	t.Log("a member comes with its first pass")
	const members = "/v1/pools/a.b.lb.example.org/members"
	c := decode[api.MemberChange](t, s.order(t, "PUT "+members+"/one", memberAt("127.33.1.2")).is(t, 200))
	check(t, want(c.Changed && c.Member != nil && c.Member.Source == "api", "%+v", c))
	eventually(t, func() error { return s.dig(t, "a.b.lb.example.org").names("127.33.1.2") })
	check(t, want(s.dig(t, "a.b.lb.example.org").ttls() == "[9]", "the ttl is %s", s.dig(t, "a.b.lb.example.org").ttls()))
	moves()

	t.Log("the same again")
	again := decode[api.PoolChange](t, s.order(t, "PUT /v1/pools/A.B.lb.example.org.", lines("ttl 9s", "all_down nodata", "min_up 1")).is(t, 200))
	check(t, want(!again.Changed && again.Pool != nil, "%+v", again))

	t.Log("a dry run")
	dry := decode[api.PoolChange](t, s.order(t, "PUT /v1/pools/dry.lb.example.org?dry_run=1", lines()).is(t, 200))
	check(t, want(dry.Changed && dry.DryRun && dry.Pool == nil, "%+v", dry))
	check(t, s.dig(t, "dry.lb.example.org").isNegative("NXDOMAIN", zone))

	t.Log("what cannot be")
	for _, tc := range []struct {
		request string
		spec    api.PoolSpec
		status  int
		word    string
	}{
		{"PUT /v1/pools/www.lb.example.org", lines("ttl 9s"), 409, "Corefile"},
		{"DELETE /v1/pools/www.lb.example.org", lines(), 409, "Corefile"},
		{"PUT /v1/pools/new.fixed.example.org", lines(), 409, "dynamic"},
		{"PUT /v1/pools/www.example.com", lines(), 409, "dynamic"},
		{"PUT /v1/pools/a..lb.example.org", lines(), 400, ""},
		{"PUT /v1/pools/new.lb.example.org", lines("ttl 9"), 400, "lines:1"},
		{"PUT /v1/pools/new.lb.example.org", lines("ttl 9s", "polciy hash"), 400, "lines:2"},
		{"PUT /v1/pools/new.lb.example.org", lines("ttl 9s }", "x {"), 400, "lines:"},
		{"PUT /v1/pools/new.lb.example.org", lines("check tcp {web} {", "}"), 400, "lines:"},
		{"PUT /v1/pools/new.lb.example.org", lines("pool x.lb.example.org {", "}"), 400, "lines:"},
		{"PUT /v1/pools/new.lb.example.org", lines("member 127.33.1.7"), 400, "lines:1"},
		{"PUT /v1/pools/new.lb.example.org", lines("members /etc/passwd"), 400, "lines:1"},
		{"PUT /v1/pools/new.lb.example.org", lines("check tls 443 ca /etc/ssl/ca.pem"), 400, "file"},
		{"PUT /v1/pools/new.lb.example.org", lines("check tls 443 cert a.pem a.key"), 400, "file"},
		{"PUT /v1/pools/new.lb.example.org", lines("import /etc/passwd"), 400, "lines:1"},
		{"PUT /v1/pools/new.lb.example.org", lines("import /etc/*"), 400, "lines:1"},
		{"PUT /v1/pools/new.lb.example.org", lines("state /tmp"), 400, "lines:1"},
		{"PUT /v1/pools/new.lb.example.org", lines("admin 127.0.0.1:1"), 400, "lines:1"},
		{"PUT /v1/pools/new.lb.example.org", lines("region {$HOME}"), 400, "lines:1"},
		{"PUT /v1/pools/new.lb.example.org", lines("check tcp 443 send {$HOME}{%PATH%}"), 200, ""},
		{"PUT /v1/pools/new.lb.example.org", lines("ttl 1s\nttl 2s"), 400, ""},
	} {
		var body any = tc.spec
		if strings.HasPrefix(tc.request, "DELETE") {
			body = nil
		}
		r := s.order(t, tc.request, body)
		if tc.status == 200 {
			check(t, want(r.status == 200 || r.status == 400, "%s %v: %d %s", tc.request, tc.spec, r.status, r.body))
			s.order(t, "DELETE /v1/pools/new.lb.example.org", nil).is(t, 200)
			continue
		}
		ok := r.status == tc.status && strings.Contains(r.body, tc.word)
		check(t, want(ok, "%s %v: want %d with %q, got %d %s", tc.request, tc.spec, tc.status, tc.word, r.status, r.body))
	}
	check(t, s.dig(t, "new.lb.example.org").isNegative("NXDOMAIN", zone))

	t.Log("a wildcard")
	s.order(t, "PUT /v1/pools/*.wild.lb.example.org", lines()).is(t, 200)
	s.order(t, "PUT /v1/pools/*.wild.lb.example.org/members/w?require_healthy=1", memberAt("127.33.1.5")).is(t, 200)
	must(t, s.dig(t, "x.y.wild.lb.example.org").names("127.33.1.5"))
	check(t, s.dig(t, "wild.lb.example.org").isNegative("NOERROR", zone))
	moves()
	s.order(t, "PUT /v1/pools/y.wild.lb.example.org", lines()).is(t, 200)
	check(t, s.dig(t, "y.wild.lb.example.org").isNegative("NOERROR", zone))
	check(t, s.dig(t, "x.y.wild.lb.example.org").isNegative("NXDOMAIN", zone)) // an existing name stops it
	s.order(t, "DELETE /v1/pools/y.wild.lb.example.org", nil).is(t, 200, `"changed":true`)
	must(t, s.dig(t, "x.y.wild.lb.example.org").names("127.33.1.5"))
	s.order(t, "DELETE /v1/pools/*.wild.lb.example.org?force=1", nil).is(t, 200, `"changed":true`)
	check(t, s.dig(t, "x.y.wild.lb.example.org").isNegative("NXDOMAIN", zone))
	check(t, s.dig(t, "wild.lb.example.org").isNegative("NXDOMAIN", zone))
	moves()

	t.Log("the apex")
	s.order(t, "PUT /v1/pools/lb.example.org", lines()).is(t, 200)
	s.order(t, "PUT /v1/pools/lb.example.org/members/a?require_healthy=1", memberAt("127.33.1.6")).is(t, 200)
	must(t, s.dig(t, "lb.example.org").names("127.33.1.6"))
	s.order(t, "DELETE /v1/pools/lb.example.org?force=1", nil).is(t, 200)
	check(t, s.dig(t, "lb.example.org").isNegative("NOERROR", zone))

	t.Log("it goes, with all that was its own")
	s.order(t, "DELETE /v1/pools/a.b.lb.example.org", nil).isProblem(t, 409, "force")
	s.order(t, "PUT "+members+"/two?require_healthy=1", memberAt("127.33.1.3")).is(t, 200)
	s.order(t, "PUT "+members+"/one/drain", nil).is(t, 200)
	serial = s.serial(t)
	gone := decode[api.PoolChange](t, s.order(t, "DELETE /v1/pools/a.b.lb.example.org?force=1", nil).is(t, 200))
	check(t, want(gone.Changed && gone.Pool == nil && len(gone.Addresses) == 1 && gone.Addresses[0].Address == "127.33.1.3", "%+v", gone))
	check(t, s.dig(t, "a.b.lb.example.org").isNegative("NXDOMAIN", zone))
	check(t, s.dig(t, "b.lb.example.org").isNegative("NXDOMAIN", zone)) // which was an empty non-terminal
	s.order(t, "GET /v1/pools/a.b.lb.example.org", nil).isProblem(t, 404)
	s.order(t, "DELETE /v1/pools/a.b.lb.example.org", nil).is(t, 200, `"changed":false`)
	s.order(t, "PUT "+members+"/one", memberAt("127.33.1.2")).isProblem(t, 404)
	moves()
	s.order(t, "PUT /v1/pools/a.b.lb.example.org", lines()).is(t, 200)
	check(t, want(len(s.shown(t, "a.b.lb.example.org").Members) == 0, "its members are back"))
	stops(t, web, "127.33.1.3")
}

// While a pool gets other lines, no query is without an answer; not even when nothing is known of its members by the new ones.
func TestPoolReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	web, other := startMany(t), startMany(t)
	s := startCoreDNS(t, operated("all_down nodata\n"), "{web}", web.port)
	const pool = "/v1/pools/www.lb.example.org"
	s.order(t, "PUT "+pool, lines()).is(t, 200)
	for _, n := range []string{"1", "2", "3"} {
		s.order(t, "PUT "+pool+"/members/m"+n+"?require_healthy=1", memberAt("127.33.2."+n)).is(t, 200)
	}
	load := s.startLoad(t, "www.lb.example.org", "X-Nothing: at all", s.lasting())
	e := s.lasting()
	for i := range 12 {
		for _, spec := range []api.PoolSpec{
			lines("check tcp " + other.port),
			lines("check tcp "+web.port, fmt.Sprintf("ttl %ds", 10+i), "policy hash"),
			lines("check tcp "+web.port, "check tcp "+other.port, "policy least", "answers 2"),
			lines("interval 1s", "timeout 500ms", "policy weighted", "min_up 2"),
			lines(),
		} {
			c := decode[api.PoolChange](t, e.order(t, "PUT "+pool, spec).is(t, 200))
			check(t, want(c.Pool != nil && c.Pool.Status == "full", "when it is answered, the pool is not full: %+v", c.Pool))
		}
	}
	load.goesOn(t)
	load.stop(t)

	t.Log("checks that fail")
	s.order(t, "PUT "+pool, lines("check tcp "+freePort(t))).is(t, 200)
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").isNegative("NOERROR", "lb.example.org.") })
	s.order(t, "PUT "+pool, lines("check tls "+other.port+" insecure")).is(t, 200)
	check(t, s.dig(t, "www.lb.example.org").isNegative("NOERROR", "lb.example.org."))
	s.order(t, "PUT "+pool, lines()).is(t, 200)
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.33.2.1", "127.33.2.2", "127.33.2.3") })
}

// The Corefile has the last word on what pools there are; what was made at run time is kept all the same.
func TestCorefileClaimsPool(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	without := operated("")
	with := operated("pool www.lb.example.org {\n ttl 17s\n member 127.33.3.9 id one\n}\n")
	s := startCoreDNS(t, without, "{web}", web.port)
	const pool = "/v1/pools/www.lb.example.org"
	s.order(t, "PUT "+pool, lines("ttl 9s")).is(t, 200)
	s.order(t, "PUT "+pool+"/members/one?require_healthy=1", memberAt("127.33.3.1")).is(t, 200)
	s.order(t, "PUT "+pool+"/members/two?require_healthy=1", memberAt("127.33.3.2")).is(t, 200)
	s.order(t, "PUT "+pool+"/members/two/drain", nil).is(t, 200)

	mark := s.log.mark()
	s.reload(t, with)
	said := s.log.since(mark)
	check(t, want(hasAll(said, "[WARNING]", steady), "no warning in\n%s", said))
	p := s.shown(t, "www.lb.example.org")
	check(t, want(p.Source == "corefile" && p.TTL == 17, "%+v", p))
	must(t, s.dig(t, steady).names("127.33.3.9")) // two is drained, and one is the Corefile's
	m, _ := s.shownMember(t, "www.lb.example.org", "one")
	check(t, want(m.Source == "corefile" && m.Addresses[0].Address == "127.33.3.9", "%+v", m))
	s.order(t, "PUT "+pool, lines("ttl 8s")).isProblem(t, 409, "Corefile")

	t.Log("it comes back as it was")
	s.reload(t, without)
	must(t, s.dig(t, steady).names("127.33.3.1"))
	check(t, want(s.shown(t, "www.lb.example.org").Source == "api", "%+v", s.shown(t, "www.lb.example.org")))

	t.Log("over a restart as well")
	s.kill(t)
	s.write(t, with)
	s.again(t)
	must(t, s.dig(t, steady).names("127.33.3.9"))

	t.Log("and can be deleted while it has no place")
	s.order(t, "DELETE "+pool+"?force=1", nil).is(t, 200, `"changed":true`)
	must(t, s.dig(t, steady).names("127.33.3.9"))
	s.reload(t, without)
	check(t, s.dig(t, steady).isNegative("NXDOMAIN", "lb.example.org."))
	check(t, want(len(s.facts(t)) == 0, "there are still %v", s.facts(t)))
}

func TestDynamicTakenAway(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	with := operated("pool fixed.lb.example.org {\n member 127.33.4.9\n}\n")
	without := strings.Replace(with, "dynamic\n", "", 1)
	s := startCoreDNS(t, with, "{web}", web.port)
	const pool = "/v1/pools/www.lb.example.org"
	s.order(t, "PUT "+pool, lines()).is(t, 200)
	s.order(t, "PUT "+pool+"/members/one?require_healthy=1", memberAt("127.33.4.1")).is(t, 200)
	s.order(t, "PUT /v1/pools/fixed.lb.example.org/members/two?require_healthy=1", memberAt("127.33.4.2")).is(t, 200)
	spec := api.RegistrationSpec{ID: "three", TTL: "1h", MemberSpec: memberAt("127.33.4.3")}
	r := decode[api.Registration](t, s.order(t, "POST /v1/pools/fixed.lb.example.org/registrations", spec).is(t, 201))
	eventually(t, func() error { return s.dig(t, "fixed.lb.example.org").names("127.33.4.2", "127.33.4.3", "127.33.4.9") })

	for range 2 {
		mark := s.log.mark()
		s.reload(t, without)
		check(t, want(hasAll(s.log.since(mark), "[WARNING]", steady), "no warning in\n%s", s.log.since(mark)))
		check(t, s.dig(t, steady).isNegative("NXDOMAIN", "lb.example.org."))
		must(t, s.dig(t, "fixed.lb.example.org").names("127.33.4.9"))
		s.order(t, "GET "+pool, nil).isProblem(t, 404)
		s.order(t, "PUT "+pool, lines("ttl 3s")).isProblem(t, 409, "dynamic")
		s.order(t, "PUT /v1/pools/fixed.lb.example.org/members/four", memberAt("127.33.4.4")).isProblem(t, 409, "dynamic")
		renewed := decode[api.Registration](t, s.order(t, "PUT /v1/pools/fixed.lb.example.org/registrations/three", nil, "Registration-Secret: "+r.Secret).is(t, 200))
		check(t, want(!renewed.Served && renewed.Why != "", "%+v", renewed))
		s.reload(t, with)
		must(t, s.dig(t, steady).names("127.33.4.1"))
		must(t, s.dig(t, "fixed.lb.example.org").names("127.33.4.2", "127.33.4.3", "127.33.4.9"))
	}
	s.reload(t, without)
	s.order(t, "DELETE "+pool+"?force=1", nil).is(t, 200, `"changed":true`)
	s.order(t, "DELETE /v1/pools/fixed.lb.example.org/members/two?force=1", nil).is(t, 200, `"changed":true`)
	s.reload(t, with)
	check(t, s.dig(t, steady).isNegative("NXDOMAIN", "lb.example.org."))
	must(t, s.dig(t, "fixed.lb.example.org").names("127.33.4.3", "127.33.4.9"))
}

// A thousand pools can be made one after the other, and each is there when the next is made.
func TestThousandPools(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	s := startCoreDNS(t, operated("all_down nodata\n", "prometheus 127.0.0.1:{metrics}"), "{web}", web.port)
	e := s.lasting()
	const many = 1000
	began := time.Now()
	for i := range many {
		name := fmt.Sprintf("p%d.lb.example.org", i)
		e.order(t, "PUT /v1/pools/"+name, lines("ttl 9s")).is(t, http.StatusOK, `"changed":true`)
		if i%100 == 0 {
			check(t, s.dig(t, name).isNegative("NOERROR", "lb.example.org."))
			e.order(t, "PUT /v1/pools/"+name+"/members/m?require_healthy=1", memberAt("127.33.5.1")).is(t, 200)
			must(t, s.dig(t, name).names("127.33.5.1"))
		}
	}
	t.Logf("%d pools took %v", many, time.Since(began))

	var names []string
	for next := "/v1/pools?limit=300"; next != ""; {
		r := e.order(t, "GET "+next, nil).is(t, 200)
		for _, p := range decode[[]api.Pool](t, r) {
			names = append(names, p.Name)
		}
		next = ""
		if link := r.header.Get("Link"); link != "" {
			next = link[strings.Index(link, "<")+1 : strings.Index(link, ">")]
		}
	}
	check(t, want(len(names) == many && slices.IsSorted(names) && len(slices.Compact(names)) == many, "%d pools are listed", len(names)))

	began = time.Now()
	s.kill(t)
	s.again(t)
	t.Logf("a restart with them took %v", time.Since(began))
	must(t, s.dig(t, "p900.lb.example.org").names("127.33.5.1"))
	began = time.Now()
	for i := range many / 10 {
		e.order(t, fmt.Sprintf("DELETE /v1/pools/p%d.lb.example.org?force=1", i), nil).is(t, 200, `"changed":true`)
	}
	t.Logf("to delete a tenth took %v", time.Since(began))
	rest := decode[[]api.Pool](t, s.order(t, "GET /v1/pools?limit=1000", nil).is(t, 200))
	check(t, want(len(rest) == many-many/10, "%d are left", len(rest)))
	check(t, s.dig(t, "p99.lb.example.org").isNegative("NXDOMAIN", "lb.example.org."))
	check(t, want(!strings.Contains(fmt.Sprint(s.metrics(t)), `pool="p99.`), "p99 is still in the metrics"))
}
