package test

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.9.1.1", "127.9.1.2")
	files := t.TempDir()
	writeFile(t, files+"/old", "operator-0123456789\nold-operator-0123456789\n")
	writeFile(t, files+"/new", "operator-0123456789\nnew-operator-0123456789\n")
	vars := []string{"{web}", web.port, "{files}", files}
	const (
		www = "pool www.lb.example.org {\n check tcp {web}\n member 127.9.1.1\n member 127.9.1.2\n}\n"
		api = "pool api.lb.example.org {\n check tcp {web}\n member 127.9.1.1\n}\n"
	)
	s := startCoreDNS(t, lb("state {dir}/state\nadmin 127.0.0.1:{admin} token_file {files}/old\n"+www), vars...)
	load := s.startLoad(t, "www.lb.example.org", operator, s.keepAlive("admin"))
	load.goesOn(t)

	t.Log("a new pool")
	s.reload(t, lb("state {dir}/state\nadmin 127.0.0.1:{admin} token_file {files}/old\n"+www+api))
	must(t, s.dig(t, "api.lb.example.org").names("127.9.1.1"))
	load.goesOn(t)

	t.Log("other thresholds, interval and TTL")
	s.reload(t, lb("state {dir}/state\nadmin 127.0.0.1:{admin} token_file {files}/old\nrise 5\nttl 11s\n"+
		strings.Replace(www, "{\n", "{\n failures 7\n interval 300ms\n timeout 300ms\n", 1)+api))
	must(t, s.dig(t, "www.lb.example.org").names("127.9.1.1", "127.9.1.2"))
	check(t, want(s.dig(t, "www.lb.example.org").ttls() == "[11]", "the TTL is not the new one"))
	load.goesOn(t)

	t.Log("another token file")
	s.curl(t, "GET /v1/pools", "", "Authorization: Bearer old-operator-0123456789").is(t, 200)
	s.reload(t, lb("state {dir}/state\nadmin 127.0.0.1:{admin} token_file {files}/new\n"+www+api))
	s.curl(t, "GET /v1/pools", "", "Authorization: Bearer old-operator-0123456789").is(t, 401)
	s.curl(t, "GET /v1/pools", "", "Authorization: Bearer new-operator-0123456789").is(t, 200)
	load.goesOn(t)

	t.Log("no pool less, and nothing else")
	s.reload(t, lb("state {dir}/state\nadmin 127.0.0.1:{admin} token_file {files}/new\n"+www))
	check(t, s.dig(t, "api.lb.example.org").isNegative("NXDOMAIN", "lb.example.org."))
	load.goesOn(t)
	load.stop(t)
}

// The new port answers before the old one is closed.
func TestReloadMovesAdminPort(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.9.2.1", "127.9.2.2")
	corefile := lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {web}
			member 127.9.2.1
			member 127.9.2.2
		}`)
	s := startCoreDNS(t, corefile, "{web}", web.port)
	s.port(t, "admin2")
	load := s.startLoad(t, "www.lb.example.org", "X-Nothing: at all", s.keepAlive("admin"), s.keepAlive("admin2"))
	load.goesOn(t)
	s.curl(t, "PUT /v1/blocklist", "127.9.2.2").is(t, 200)
	s.reload(t, strings.ReplaceAll(corefile, "{admin}", "{admin2}"))
	load.goesOn(t)
	if c, err := net.Dial("tcp", "127.0.0.1:"+s.ports["admin"]); err == nil {
		c.Close()
		t.Error("the old port is still open")
	}
	s.at("admin2").curl(t, "GET /v1/blocklist", "").is(t, 200, "127.9.2.2")
	load.stop(t)
}

// What is known stays known: the members are probed once an hour, so nothing but what was known before the reload can be the reason
// for an answer after it.
func TestReloadKeepsState(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.9.3.1", "127.9.3.2", "127.9.3.3")
	corefile := `
lb.example.org:{dns} {
	bind 127.0.0.1
	healthlb {
		interval 1h
		timeout 1s
		state {dir}/state
		admin 127.0.0.1:{admin}
		ns ns1.lb.example.org 192.0.2.53
		pool www.lb.example.org {
			check tcp {web}
			answers 1
			member 127.9.3.1
			member 127.9.3.2
			member 127.9.3.3
			member 127.9.3.4
		}
	}
}`
	vars := []string{"{web}", web.port}
	s := startCoreDNS(t, corefile, vars...)
	web.start(t, "127.9.3.4") // too late for its probe
	serial := func() uint32 {
		t.Helper()
		n, err := strconv.ParseUint(strings.Fields(s.dig(t, "lb.example.org", "SOA").answer[0].data)[2], 10, 32)
		must(t, err)
		return uint32(n)
	}
	addrs := []string{"127.9.3.1", "127.9.3.2", "127.9.3.3", "127.9.3.4"}
	since := map[string]time.Time{}
	for _, addr := range addrs {
		since[addr] = s.member(t, "www.lb.example.org", addr).Since
	}
	unchanged := func() {
		t.Helper()
		for _, addr := range addrs {
			m := s.member(t, "www.lb.example.org", addr)
			check(t, want(m.Since.Equal(since[addr]), "%s is %s since %v, was since %v", addr, m.State, m.Since, since[addr]))
			check(t, want((m.State == "down") == (addr == "127.9.3.4"), "%s is %s", addr, m.State))
		}
	}
	ring := addrs[:3]
	last := s.one(t, question("www.lb.example.org", dns.TypeA))
	rotates := func() {
		t.Helper()
		for range 4 {
			next := ring[(slices.Index(ring, last)+1)%3]
			got := s.one(t, question("www.lb.example.org", dns.TypeA))
			check(t, want(got == next, "%s is followed by %s, want %s", last, got, next))
			last = got
		}
	}
	rotates()
	before := serial()

	t.Log("nothing is changed")
	s.reload(t, corefile)
	rotates()
	unchanged()
	check(t, want(serial() == before, "the serial was %d and is %d", before, serial()))

	t.Log("thresholds are tuned")
	s.reload(t, strings.Replace(corefile, "answers 1", "answers 1\nfailures 9\nrise 4\npolicy round_robin", 1))
	rotates()
	unchanged()
	check(t, want(serial() == before, "the serial was %d and is %d", before, serial()))

	t.Log("so are interval, timeout and confirm")
	s.reload(t, strings.NewReplacer("interval 1h", "interval 50m", "timeout 1s", "timeout 2s\nconfirm 3s").Replace(corefile))
	rotates()
	unchanged()
	check(t, want(serial() == before, "the serial was %d and is %d", before, serial()))

	t.Log("a pool comes")
	s.reload(t, strings.Replace(corefile, "pool www", "pool api.lb.example.org {\n check tcp {web}\n member 127.9.3.1\n}\npool www", 1))
	rotates()
	unchanged()
	eventually(t, func() error { return want(serial() > before, "the serial was %d and is %d", before, serial()) })
	check(t, want(web.count("127.9.3.2") == 1 && web.count("127.9.3.4") == 0, "members were probed anew"))
	later := serial()

	t.Log("and goes")
	s.reload(t, corefile)
	rotates()
	unchanged()
	eventually(t, func() error { return want(serial() > later, "the serial was %d and is %d", later, serial()) })
	later = serial()

	t.Log("a block moves the serial, and a reload keeps both")
	s.curl(t, "PUT /v1/blocklist", "127.9.3.3").is(t, 200)
	eventually(t, func() error { return want(serial() > later, "the serial was %d and is %d", later, serial()) })
	later = serial()
	s.reload(t, corefile)
	check(t, want(serial() == later, "the serial was %d and is %d", later, serial()))
	for range 6 {
		check(t, want(s.one(t, question("www.lb.example.org", dns.TypeA)) != "127.9.3.3", "127.9.3.3 is answered with"))
	}
	unchanged()
	check(t, want(web.count("127.9.3.2") == 1 && web.count("127.9.3.4") == 0, "members were probed anew"))
}

// A zone that was there, went and came again does not go back either.
func TestSerialOutlivesZone(t *testing.T) {
	t.Parallel()
	closed := freePort(t)
	corefile := lb("pool www.lb.example.org {\n check tcp {closed}\n member 127.9.4.1\n}")
	s := startCoreDNS(t, corefile, "{closed}", closed)
	serial := func() string {
		t.Helper()
		return strings.Fields(s.dig(t, "www.lb.example.org", "TXT").authority[0].data)[2]
	}
	last := serial()
	for range 2 {
		for _, address := range []string{"127.9.4.2", "127.9.4.1"} {
			s.reload(t, strings.Replace(corefile, "127.9.4.1", address, 1))
			eventually(t, func() error {
				now := serial()
				check(t, want(now >= last, "the serial was %s and is %s", last, now))
				return want(now > last, "the serial was %s and is %s", last, now)
			})
			last = serial()
		}
	}
}

func TestReloadAddsAndRemovesHealthlb(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.9.5.1")
	vars := []string{"{web}", web.port}
	const without = "lb.example.org:{dns} {\n bind 127.0.0.1\n whoami\n}\n"
	with := lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		interval 100ms
		timeout 100ms
		pool www.lb.example.org {
			check tcp {web}
			member 127.9.5.1
			member 127.9.5.2
		}`)
	with = strings.NewReplacer("interval 400ms", "", "timeout 400ms", "").Replace(with)
	s := startCoreDNS(t, without, vars...)
	for range 3 {
		s.reload(t, with)
		must(t, s.dig(t, "www.lb.example.org").names("127.9.5.1"))
		s.curl(t, "PUT /v1/blocklist", "127.9.5.2").is(t, 200)

		s.reload(t, without)
		check(t, want(len(s.dig(t, "www.lb.example.org").answer) == 0, "the pool is still answered for"))
		if !free("127.0.0.1:" + s.ports["admin"]) {
			t.Error("the admin port is not free")
		}
		stops(t, web, "127.9.5.1")
	}
}
