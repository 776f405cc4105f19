package test

import (
	"os"
	"strings"
	"testing"
)

// A places file is followed while CoreDNS runs; a bad one changes nothing.
func TestPlacesFile(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.30.1.1", "127.30.1.2")
	files := t.TempDir()
	list := files + "/places"
	writeFile(t, list, "# region and networks\neu 10.0.0.0/8 2001:db8::/32   # offices\n\nus 10.1.0.0/16\n")
	corefile := lb(`
		admin 127.0.0.1:{admin}
		ecs 127.0.0.1
		check tcp {web}
		place us 192.0.2.0/24
		places {files}/places
		prefer region
		pool www.lb.example.org {
			member 127.30.1.1 region eu
			member 127.30.1.2 region us
		}
		pool two.lb.example.org {
			policy weighted
			member 127.30.1.1 region eu
			member 127.30.1.2 region us
		}`, "prometheus 127.0.0.1:{metrics}")
	s := startCoreDNS(t, corefile, "{web}", web.port, "{files}", files)
	const eu, us, all = "1", "2", "1 2"
	at := func(subnet, wanted, scope string) error {
		r := s.dig(t, "www.lb.example.org", "+subnet="+subnet)
		return want(ends(r) == wanted && r.subnet == subnet+"/"+scope, "%s is given %s with %s, want %s with %s", subnet, ends(r), r.subnet, wanted, scope)
	}
	must(t, at("10.9.9.0/24", eu, "13"))
	must(t, at("10.1.9.0/24", us, "16"))
	must(t, at("192.0.2.0/24", us, "24"))
	must(t, at("2001:db8:7::/48", eu, "32"))
	must(t, at("203.0.113.0/24", all, "5"))

	t.Log("another region, in place")
	writeFile(t, list, "us 10.0.0.0/8\neu 10.9.9.0/24\n")
	eventually(t, func() error { return at("10.8.0.0/24", us, "16") })
	check(t, at("10.9.9.0/24", eu, "24"))
	check(t, at("2001:db8:7::/48", all, "0"))
	check(t, at("192.0.2.0/24", us, "24"))
	check(t, want(ends(s.dig(t, "two.lb.example.org", "+subnet=10.9.9.0/24")) == eu, "the other pool does not know"))

	const errorsTotal = "coredns_healthlb_places_file_errors_total"
	for _, bad := range []struct{ rule, text, word string }{
		{"no network", "us 10.0.0.0/8\neu hello\n", "places:2"},
		{"bits behind the prefix", "eu 10.0.0.1/8\n", "10.0.0.0/8"},
		{"two regions of one network", "eu 10.0.0.0/8\nus 10.0.0.0/8\n", "places:2"},
		{"against the Corefile", "eu 192.0.2.0/24\n", "Corefile:15"},
		{"a region without networks", "eu\n", "places:1"},
	} {
		t.Log(bad.rule)
		mark, before := s.log.mark(), s.metrics(t)[errorsTotal]
		replaceFile(t, list, bad.text)
		eventually(t, func() error {
			return want(hasAll(s.log.since(mark), "[ERROR]", bad.word), "no word of %s in\n%s", bad.word, s.log.since(mark))
		})
		check(t, want(s.metrics(t)[errorsTotal] == before+1, "%s is %v, was %v", errorsTotal, s.metrics(t)[errorsTotal], before))
		check(t, at("10.8.0.0/24", us, "16"))
		check(t, at("10.9.9.0/24", eu, "24"))
	}

	t.Log("a good one again")
	replaceFile(t, list, "eu 10.0.0.0/8\n")
	eventually(t, func() error { return at("10.1.9.0/24", eu, "8") })

	t.Log("a reload reads it, too, and refuses a bad one")
	replaceFile(t, list, "us 10.0.0.0/8\n")
	s.reload(t, corefile)
	check(t, at("10.1.9.0/24", us, "8"))
	replaceFile(t, list, "us 10.0.0.0\n\nus hello\n")
	s.reloadFails(t, corefile, "places:3")
	check(t, at("10.1.9.0/24", us, "8"))

	must(t, os.Remove(list))
	s.reloadFails(t, corefile, "Corefile:16: places", "no such file")
	check(t, at("10.1.9.0/24", us, "8"))

	t.Log("without places")
	s.reload(t, strings.NewReplacer("places {files}/places", "", "place us 192.0.2.0/24", "", "prefer region", "").Replace(corefile))
	check(t, at("10.1.9.0/24", all, "0"))
}

func TestPlacesFileMustBeThere(t *testing.T) {
	t.Parallel()
	s := prepare(t, lb(`
		places {dir}/places
		pool www.lb.example.org {
			check tcp {closed}
			prefer region
			member 127.30.2.1
		}`), "{closed}", freePort(t))
	s.refusesToStart(t, "Corefile:12:", "places", "no such file")
	writeFile(t, s.dir+"/places", "eu 10.0.0.0/8\nus 10.0.0.0/8\n")
	s.refusesToStart(t, "places:2:", "places:1", "region")
	writeFile(t, s.dir+"/places", "# nothing yet\n")
	s.launch(t)
	s.firstAnswer(t, "www.lb.example.org")
}

// Where clients are in IPv6, by source and by subnet.
func TestIPv6Clients(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.30.3.1", "127.30.3.2")
	s := startCoreDNS(t, strings.Replace(lb(`
		ecs 127.0.0.1 ::1
		check tcp {web}
		place eu ::1/128
		place us 127.0.0.1
		prefer region
		pool www.lb.example.org {
			member 127.30.3.1 region eu
			member 127.30.3.2 region us
		}
		pool hash.lb.example.org {
			prefer off
			policy hash
			member 127.30.3.1
			member 127.30.3.2
		}`), "bind 127.0.0.1", "bind 127.0.0.1 ::1", 1), "{web}", web.port)
	four, six := s.picker(t), pickerAt(t, "[::1]:"+s.ports["dns"])
	check(t, want(four.a("www.lb.example.org", "") == "127.30.3.2", "from 127.0.0.1: %s", four.a("www.lb.example.org", "")))
	check(t, want(six.a("www.lb.example.org", "") == "127.30.3.1", "from ::1: %s", six.a("www.lb.example.org", "")))
	for i := range 20 {
		subnet := "2001:db8:" + itoa(i) + "::/56"
		check(t, want(four.a("hash.lb.example.org", subnet) == six.a("hash.lb.example.org", subnet), "%s: %s and %s", subnet,
			four.a("hash.lb.example.org", subnet), six.a("hash.lb.example.org", subnet)))
	}
}
