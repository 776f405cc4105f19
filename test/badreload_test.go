package test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Corefile that is refused changes nothing.
func TestBadReloads(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.10.1.1", "127.10.1.2")
	busy, err := net.Listen("tcp", "127.0.0.1:"+freePort(t))
	must(t, err)
	defer busy.Close()
	_, busyPort, _ := net.SplitHostPort(busy.Addr().String())

	corefile := strings.ReplaceAll(lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {web}
			member 127.10.1.1
			member 127.10.1.2
			member 127.10.1.3
		}`), "{web}", web.port)
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(corefile) }
	more := strings.ReplaceAll(strings.ReplaceAll(lb("pool www.more.example.org {\n member 127.10.1.9\n}"), "lb.example.org:{dns}",
		"more.example.org:{dns}"), "{dns}", busyPort)

	s := startCoreDNS(t, corefile)
	s.curl(t, "PUT /v1/blocklist", "127.10.1.2 owner=before").is(t, 200)
	load := s.startLoad(t, "www.lb.example.org", "X-Nothing: at all", s.keepAlive("admin"))
	since := s.member(t, "www.lb.example.org", "127.10.1.1").Since
	down := s.member(t, "www.lb.example.org", "127.10.1.3").Since
	path := filepath.Join(s.dir, "Corefile")

	for _, tc := range []struct {
		rule, corefile string
		words          []string
	}{
		{"a brace is missing", replace("healthlb {", "healthlb"), []string{path + ":"}},
		{"an import of nothing", replace("errors", "import {dir}/none.conf"), []string{path + ":4", "none.conf"}},
		{"an unknown directive", replace("errors", "erors"), []string{path + ":4", "erors"}},
		{"an unknown word in healthlb", replace("confirm", "confrim"), []string{path + ":9: confrim", "did you mean confirm?"}},
		{"an unknown word in a pool", replace("member 127.10.1.3", "membre 127.10.1.3"), []string{path + ":18: membre", "did you mean member?"}},
		{"a bad value", replace("failures 2", "failures 0"), []string{path + ":10: failures 0"}},
		{"an address twice", replace("127.10.1.3", "127.10.1.1"), []string{path + ":18: ", "127.10.1.1"}},
		{"another state directory", replace("{dir}/state", "{dir}/other"), []string{"state", "other", "restart"}},
		{"no state directory", replace("state {dir}/state", ""), []string{"state", "restart"}},
		{"a token file that is not there", replace("{admin}", "{admin} token_file {dir}/none"), []string{"token file", "none"}},
		{"a certificate that is not there", replace("{admin}", "{admin} tls {dir}/none {dir}/none"), []string{"certificate", "none"}},
		{"the new admin port is in use", replace("{admin}", busyPort), []string{busyPort, "address already in use"}},
		{"a new DNS port is in use", corefile + more, []string{busyPort, "address already in use"}},
		{"a members file that is not there", replace("member 127.10.1.3", "members {dir}/none"), []string{path + ":18: ", "none"}},
		{"a pool twice", corefile + strings.ReplaceAll(strings.ReplaceAll(lb("pool www.lb.example.org {\nmember 127.0.0.1\n}"),
			"{dns}", "{dns2}"), "bind 127.0.0.1", "bind 127.0.0.1"), []string{path + ":", "pool www.lb.example.org"}},
		{"no healthlb, and a mistake", strings.Split(corefile, "healthlb")[0] + "whoami nobody\n}", []string{"whoami"}},
	} {
		mark := s.log.mark()
		said, err := s.tryReload(t, tc.corefile)
		if err == nil {
			t.Errorf("%s: the reload went well", tc.rule)
		}
		check(t, want(hasAll(said, tc.words...), "%s: want a log with %q, got:\n%s", tc.rule, tc.words, said))
		load.goesOn(t)
		check(t, s.dig(t, "www.lb.example.org").names("127.10.1.1"))
		for addr, before := range map[string]time.Time{"127.10.1.1": since, "127.10.1.3": down} {
			now := s.member(t, "www.lb.example.org", addr).Since
			check(t, want(now.Equal(before), "%s: the state of %s is from %v, was from %v", tc.rule, addr, now, before))
		}
		s.curl(t, "POST /v1/blocklist", "127.10.1.2 owner=later").is(t, 200)
		s.curl(t, "DELETE /v1/blocklist/127.10.1.2", "").is(t, 200)
		check(t, s.dig(t, "www.lb.example.org").names("127.10.1.1", "127.10.1.2"))
		s.curl(t, "POST /v1/blocklist", "127.10.1.2").is(t, 200)
		check(t, want(!strings.Contains(s.log.since(mark), "expired"), "%s: %s", tc.rule, s.log.since(mark)))
	}

	t.Log("health is still looked after")
	web.start(t, "127.10.1.3")
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.10.1.1", "127.10.1.3") })

	t.Log("and the next good Corefile is taken")
	s.reload(t, replace("member 127.10.1.1", "ttl 12s\nmember 127.10.1.1"))
	r := s.dig(t, "www.lb.example.org")
	check(t, r.names("127.10.1.1", "127.10.1.3"))
	check(t, want(r.ttls() == "[12]", "%s", r.text))
	load.stop(t)
}

// A reload into the first healthlb that fails when all has been opened leaves nobody behind to be told of it: the next one cleans up.
func TestFailedReloadIntoFirstHealthlb(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.10.2.1")
	busy, err := net.Listen("tcp", "127.0.0.1:"+freePort(t))
	must(t, err)
	defer busy.Close()
	_, busyPort, _ := net.SplitHostPort(busy.Addr().String())
	const without = "lb.example.org:{dns} {\n bind 127.0.0.1\n whoami\n}\n"
	with := strings.ReplaceAll(lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {web}
			member 127.10.2.1
		}`), "{web}", web.port)
	more := "more.example.org:" + busyPort + " {\n bind 127.0.0.1\n whoami\n}\n"

	s := startCoreDNS(t, without)
	for range 2 {
		s.reloadFails(t, with+more, busyPort, "address already in use")
		check(t, want(len(s.dig(t, "www.lb.example.org").answer) == 0, "the pool is answered for"))

		s.reload(t, with)
		must(t, s.dig(t, "www.lb.example.org").names("127.10.2.1"))
		s.curl(t, "PUT /v1/blocklist", "127.10.2.1").is(t, 409)

		s.reload(t, without)
		check(t, want(free("127.0.0.1:"+s.ports["admin"]), "the admin port is not free"))
		stops(t, web, "127.10.2.1")
	}
}

// A Corefile that would show more, and is refused when all but its ports has been opened, leaves no trace in the serial.
func TestFailedReloadLeavesSerial(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:"+freePort(t))
	must(t, err)
	defer busy.Close()
	_, busyPort, _ := net.SplitHostPort(busy.Addr().String())
	corefile := lb("pool www.lb.example.org {\n check tcp {closed}\n member 127.10.3.1\n}")
	wider := strings.Replace(corefile, "member 127.10.3.1", "member 127.10.3.1\nmember 127.10.3.2", 1)
	more := "more.example.org:" + busyPort + " {\n bind 127.0.0.1\n whoami\n}\n"
	s := startCoreDNS(t, corefile, "{closed}", freePort(t))
	soa := func() string { return s.dig(t, "lb.example.org", "SOA").answer[0].data }

	before := soa()
	for range 2 {
		s.reloadFails(t, wider+more, busyPort, "address already in use")
		check(t, want(soa() == before, "after the reload that failed the SOA is %s, was %s", soa(), before))
	}
	s.reload(t, corefile)
	check(t, want(soa() == before, "nothing has changed, but the SOA is %s, was %s", soa(), before))
	s.reload(t, wider)
	eventually(t, func() error { return want(soa() > before, "more is shown, but the SOA is %s, was %s", soa(), before) })
}
