package test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestCacheIsBypassed(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.16.1.1", "127.16.1.2", "127.16.1.3")
	s := startCoreDNS(t, lb(`
		check tcp {web}
		answers 1
		pool www.lb.example.org {
			member 127.16.1.1
			member 127.16.1.2
			member 127.16.1.3
		}`, "cache 30"), "{web}", web.port)
	named := map[string]int{}
	for range 30 {
		named[s.one(t, question("www.lb.example.org", dns.TypeA))]++
	}
	for addr, n := range named {
		check(t, want(n == 10, "%s is named %d times in 30: %v", addr, n, named))
	}
	r := s.dig(t, "www.lb.example.org")
	check(t, want(r.ttls() == "[30]" && r.has("aa"), "%s", r.text))
	web.stop("127.16.1.2", "127.16.1.3")
	eventually(t, func() error {
		for range 3 {
			if err := s.dig(t, "www.lb.example.org").names("127.16.1.1"); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestFallthroughToFile(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.16.2.1")
	s := prepare(t, lb(`
		fallthrough
		check tcp {web}
		pool www.lb.example.org {
			member 127.16.2.1
		}
		pool lb.example.org {
			member 127.16.2.1
		}
		pool deep.empty.lb.example.org {
			member 127.16.2.1
		}`, "file {dir}/zone"), "{web}", web.port)
	writeFile(t, s.dir+"/zone", `$ORIGIN lb.example.org.
$TTL 60
@    SOA ns.elsewhere.example. host.elsewhere.example. 7 60 60 60 60
@    NS  ns.elsewhere.example.
@    A   192.0.2.100
@    MX  10 mail
www  A   192.0.2.101
www  TXT "from the file"
mail A   192.0.2.102
`)
	s.launch(t)
	if !s.serves() {
		t.Fatal("CoreDNS does not start")
	}
	t.Log("the pools are healthlb's, with every type")
	check(t, s.dig(t, "www.lb.example.org").names("127.16.2.1"))
	check(t, s.dig(t, "www.lb.example.org", "AAAA").isNegative("NOERROR", "lb.example.org."))
	check(t, s.dig(t, "www.lb.example.org", "TXT").isNegative("NOERROR", "lb.example.org."))
	t.Log("of a pool at the apex only the addresses")
	check(t, s.dig(t, "lb.example.org").names("127.16.2.1"))
	check(t, s.dig(t, "lb.example.org", "MX").names("10 mail.lb.example.org."))
	check(t, s.dig(t, "lb.example.org", "NS").names("ns.elsewhere.example."))
	check(t, s.dig(t, "lb.example.org", "SOA").names("ns.elsewhere.example. host.elsewhere.example. 7 60 60 60 60"))
	t.Log("all else is the file's")
	check(t, s.dig(t, "mail.lb.example.org").names("192.0.2.102"))
	r := s.dig(t, "nobody.lb.example.org")
	check(t, r.isNegative("NXDOMAIN", "lb.example.org."))
	check(t, want(strings.HasPrefix(r.authority[0].data, "ns.elsewhere.example."), "%s", r.text))
}

func TestFallthroughToHosts(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.16.3.1")
	s := startCoreDNS(t, lb(`
		fallthrough more.lb.example.org
		check tcp {web}
		pool www.lb.example.org {
			member 127.16.3.1
		}
		pool www.more.lb.example.org {
			member 127.16.3.1
		}`, `hosts {
		192.0.2.103 host.lb.example.org
		192.0.2.104 host.more.lb.example.org www.more.lb.example.org
	}`), "{web}", web.port)
	check(t, s.dig(t, "www.lb.example.org").names("127.16.3.1"))
	check(t, s.dig(t, "www.more.lb.example.org").names("127.16.3.1"))
	check(t, s.dig(t, "host.more.lb.example.org").names("192.0.2.104"))
	check(t, s.dig(t, "host.lb.example.org").isNegative("NXDOMAIN", "lb.example.org."))
}

func TestMultisocket(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.16.4.1", "127.16.4.2")
	s := startCoreDNS(t, lb(`
		check tcp {web}
		answers 1
		pool www.lb.example.org {
			member 127.16.4.1
			member 127.16.4.2
		}`, "multisocket 3"), "{web}", web.port)
	named := map[string]int{}
	for range 40 { // each from a port of its own, so that all sockets get some
		named[s.one(t, question("www.lb.example.org", dns.TypeA))]++
	}
	check(t, want(named["127.16.4.1"] == 20 && named["127.16.4.2"] == 20, "40 answers name %v", named))
	web.stop("127.16.4.1")
	eventually(t, func() error {
		first, second := s.one(t, question("www.lb.example.org", dns.TypeA)), s.one(t, question("www.lb.example.org", dns.TypeA))
		return want(first == second, "127.16.4.1 is answered with")
	})
}

func TestTwoZonesInOneBlock(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.16.5.1")
	s := startCoreDNS(t, `
a.example.org:{dns} b.example.org:{dns} sub.b.example.org:{dns} {
	bind 127.0.0.1
	healthlb {
		check tcp {web}
		pool www.a.example.org {
			member 127.16.5.1
		}
		pool www.b.example.org {
			member 127.16.5.1
		}
		pool www.sub.b.example.org {
			member 127.16.5.1
		}
	}
}`, "{web}", web.port)
	for _, zone := range []string{"a.example.org.", "b.example.org.", "sub.b.example.org."} {
		check(t, s.dig(t, "www."+zone).names("127.16.5.1"))
		check(t, s.dig(t, "www."+zone, "AAAA").isNegative("NOERROR", zone))
		check(t, s.dig(t, "nobody."+zone).isNegative("NXDOMAIN", zone))
		soa := s.dig(t, zone, "SOA")
		check(t, want(len(soa.answer) == 1 && soa.answer[0].name == zone, "%s", soa.text))
	}
	check(t, want(s.dig(t, "www.c.example.org").status == "REFUSED", "another zone is answered for"))
}

// One zone on two ports is one pool: it is probed once, and what one port tells, the other does.
func TestOneZoneOnTwoPorts(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.16.6.1", "127.16.6.2")
	s := startCoreDNS(t, strings.ReplaceAll(lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		check tcp {web}
		interval 1h
		timeout 1s
		answers 1
		pool www.lb.example.org {
			member 127.16.6.1
			member 127.16.6.2
		}`), "lb.example.org:{dns} {", "lb.example.org:{dns} lb.example.org:{dns2} {"),
		"{web}", web.port, "interval 400ms", "", "timeout 400ms", "")
	named := map[string]int{}
	for range 10 {
		for _, port := range []string{"dns", "dns2"} {
			r := digAt(t, s.ports[port], "www.lb.example.org")
			named[strings.Join(r.data(), " ")]++
		}
	}
	check(t, want(named["127.16.6.1"] == 10 && named["127.16.6.2"] == 10, "20 answers name %v", named))
	check(t, want(web.count("127.16.6.1") == 1, "probed %d times", web.count("127.16.6.1")))
	s.curl(t, "PUT /v1/blocklist", "127.16.6.1").is(t, 200)
	for _, port := range []string{"dns", "dns2", "dns", "dns2"} {
		check(t, digAt(t, s.ports[port], "www.lb.example.org").names("127.16.6.2"))
	}
}

// One healthlb for two server blocks: what is of the process is said once, and a pool stands in one place.
func TestTwoServerBlocks(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.16.7.1", "127.16.7.2")
	block := lb("state {dir}/state\nadmin 127.0.0.1:{admin}\npool www.lb.example.org {\n check tcp {web}\n member 127.16.7.1\n member 127.16.7.2\n}")
	other := strings.NewReplacer("lb.example.org", "other.example.org", "{dns}", "{dns2}").Replace(block)
	s := startCoreDNS(t, block+other, "{web}", web.port)
	s.curl(t, "PUT /v1/blocklist", "127.16.7.1\n127.16.7.2 pool=www.other.example.org").is(t, 409)
	s.curl(t, "PUT /v1/blocklist?force=1", "127.16.7.1\n127.16.7.2 pool=www.other.example.org").is(t, 200)
	check(t, s.dig(t, "www.lb.example.org").names("127.16.7.2"))
	check(t, digAt(t, s.ports["dns2"], "www.other.example.org").isNegative("NOERROR", "other.example.org."))
	docs := decode[[]poolDoc](t, s.curl(t, "GET /v1/pools", "").is(t, 200))
	check(t, want(len(docs) == 2, "%+v", docs))

	s.reloadFails(t, block+strings.Replace(other, "{dir}/state", "{dir}/other", 1), "Corefile:", "state", "differs")
	check(t, s.dig(t, "www.lb.example.org").names("127.16.7.2"))
}

func TestImportInsidePools(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.16.8.1", "127.16.8.2", "127.16.8.3")
	s := prepare(t, `
(shared) {
	check tcp {web}
	ttl 11s low 1s
	member 127.16.8.1
}
(defaults) {
	failures 2
	interval 400ms
}
`+strings.NewReplacer("interval 400ms", "", "failures 2", "").Replace(lb(`
		import defaults
		pool www.lb.example.org {
			import shared
			member 127.16.8.2
		}
		pool api.lb.example.org {
			import shared
			import {dir}/more.conf
		}
		import {dir}/pools/*.conf`)), "{web}", web.port)
	writeFile(t, s.dir+"/more.conf", "member 127.16.8.3\nanswers all\n")
	makeDir(t, s.dir+"/pools")
	writeFile(t, s.dir+"/pools/mail.conf", "pool mail.lb.example.org {\n check tcp "+web.port+"\n member 127.16.8.3\n}\n")
	s.launch(t)
	if !s.serves() {
		t.Fatal("CoreDNS does not start")
	}
	www, api := s.dig(t, "www.lb.example.org"), s.dig(t, "api.lb.example.org")
	check(t, www.names("127.16.8.1", "127.16.8.2"))
	check(t, api.names("127.16.8.1", "127.16.8.3"))
	check(t, want(www.ttls() == "[11]" && api.ttls() == "[11]", "%s%s", www.text, api.text))
	check(t, s.dig(t, "mail.lb.example.org").names("127.16.8.3"))
}
