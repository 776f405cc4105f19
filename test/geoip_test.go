package test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// cityDB is the small database that CoreDNS tests its geoip plugin with. It knows 81.2.69.142 to be in Great Britain, and little else.
func cityDB(t *testing.T) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/coredns/coredns").Output()
	must(t, err)
	return strings.TrimSpace(string(dir)) + "/plugin/geoip/testdata/GeoLite2-City.mmdb"
}

const geoMembers = `
			check tcp {web}
			member 127.31.1.1 region EU
			member 127.31.1.2 region GB
			member 127.31.1.3 region US
		}`

const geoIPWithSubnet = `geoip {db} {
		edns-subnet
	}`

func TestPlaceGeoIP(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.31.1.1", "127.31.1.2", "127.31.1.3")
	corefile := lb(`
		admin 127.0.0.1:{admin}
		ecs 127.0.0.1
		place geoip country
		prefer region
		pool www.lb.example.org {`+geoMembers+`
		pool off.lb.example.org {
			prefer off`+geoMembers+`
		pool hash.lb.example.org {
			policy hash`+geoMembers, "metadata", geoIPWithSubnet)
	s := startCoreDNS(t, corefile, "{web}", web.port, "{db}", cityDB(t))
	at := func(name, subnet, wanted, scope string) {
		t.Helper()
		r := s.dig(t, name+".lb.example.org", "+subnet="+subnet)
		check(t, want(ends(r) == wanted && r.subnet == subnet+"/"+scope, "%s for %s: given %s with %s, want %s with %s", name, subnet, ends(r), r.subnet, wanted, scope))
	}
	at("www", "81.2.69.142/32", "2", "32")
	at("www", "81.2.69.142/31", "2", "31")
	at("www", "203.0.113.0/24", "1 2 3", "24")
	at("off", "81.2.69.142/32", "1 2 3", "0")
	at("hash", "81.2.69.142/32", "2", "32")
	check(t, want(ends(s.dig(t, "www.lb.example.org")) == "1 2 3", "a client without a subnet has no country"))

	t.Log("explained as from there")
	e := s.explain(t, "www.lb.example.org", "81.2.69.142", "region", "GB")
	check(t, want(e.names() == "127.31.1.2" && e.Region == "GB" && e.member(t, "127.31.1.1").Stage == "region", "%+v", e))

	t.Log("continents, after a reload")
	s.reload(t, strings.Replace(corefile, "country", "continent", 1))
	at("www", "81.2.69.142/32", "1", "32")
	at("www", "203.0.113.0/24", "1 2 3", "24")
}

// Whoever is not believed must not be able to choose a region, although geoip itself believes everyone.
func TestPlaceGeoIPBelievesNoStranger(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.31.1.1", "127.31.1.2", "127.31.1.3")
	s := startCoreDNS(t, lb(`
		ecs 127.0.0.2
		place geoip country
		prefer region
		pool www.lb.example.org {`+geoMembers, "metadata", geoIPWithSubnet), "{web}", web.port, "{db}", cityDB(t))
	believed := s.dig(t, "www.lb.example.org", "-b", "127.0.0.2", "+subnet=81.2.69.142/32")
	check(t, want(ends(believed) == "2" && believed.subnet == "81.2.69.142/32/32", "%s", believed.text))
	stranger := s.dig(t, "www.lb.example.org", "-b", "127.0.0.3", "+subnet=81.2.69.142/32")
	check(t, want(ends(stranger) == "1 2 3" && stranger.subnet == "", "a stranger's subnet decides:\n%s", stranger.text))
}

func TestPlaceGeoIPIsRefused(t *testing.T) {
	t.Parallel()
	const healthlb = `
		place geoip country
		prefer region
		pool www.lb.example.org {
			check tcp {closed}
			member 127.31.1.1 region GB
		}`
	vars := []string{"{closed}", freePort(t), "{db}", cityDB(t)}
	for _, tc := range []struct {
		rule, healthlb string
		plugins        []string
		words          []string
	}{
		{"no geoip", healthlb, []string{"metadata"}, []string{"Corefile:12: place geoip country", "needs the plugin geoip"}},
		{"no metadata", healthlb, []string{"geoip {db}"}, []string{"Corefile:12: place geoip country", "needs the plugin metadata"}},
		{"edns-subnet without ecs", healthlb, []string{"metadata", geoIPWithSubnet}, []string{"Corefile:15: place geoip country", "edns-subnet", "ecs CIDR", "www.lb.example.org."}},
		{"beside place lines", "\nplace eu 10.0.0.0/8" + healthlb, []string{"metadata", "geoip {db}"}, []string{"Corefile:14: place geoip country", "use one or the other"}},
		{"an unknown kind", strings.Replace(healthlb, "country", "city", 1), []string{"metadata", "geoip {db}"}, []string{"Corefile:13: place geoip city"}},
	} {
		t.Log(tc.rule)
		prepare(t, lb(tc.healthlb, tc.plugins...), vars...).refusesToStart(t, tc.words...)
	}

	t.Log("what is refused at the start is refused on a reload")
	good := lb(healthlb, "metadata", "geoip {db}")
	s := startCoreDNS(t, good, vars...)
	s.reloadFails(t, lb(healthlb, "metadata", geoIPWithSubnet), "Corefile:15", "ecs CIDR")
	s.reloadFails(t, lb(healthlb, "geoip {db}"), "metadata")
	check(t, s.dig(t, "www.lb.example.org").names("127.31.1.1"))
	s.reload(t, good)
	s.reload(t, lb("ecs 127.0.0.1"+healthlb, "metadata", geoIPWithSubnet))
	r := s.picker(t).ask("www.lb.example.org", dns.TypeA, "81.2.69.142/32")
	check(t, want(len(r.Answer) == 1 && scope(r) == 0, "all_down is for everyone: %v", r))
}
