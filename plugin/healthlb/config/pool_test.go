package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestPoolNames(t *testing.T) {
	label := strings.Repeat("a", 63)
	longest := label + "." + label + "." + label + "." + label[:46]
	keys := []string{"dns://lb.example.org.:53", "example.org", "tls://lb.example.org.:853", "dns://sub.LB.example.org.:53"}
	for name, zone := range map[string]string{
		"lb.example.org":             "lb.example.org.", // the apex
		"www.LB.Example.org.":        "lb.example.org.",
		"a.b.c.lb.example.org":       "lb.example.org.",
		"xlb.example.org":            "example.org.",
		"*.example.org":              "example.org.",
		"*.lb.example.org":           "lb.example.org.",
		"*.a.b.sub.lb.example.org":   "sub.lb.example.org.",
		"_srv-1.lb.example.org":      "lb.example.org.",
		"xn--bcher-kva.example.org":  "example.org.",
		longest + ".lb.example.org":  "lb.example.org.", // 253 letters
		"sub.lb.example.org":         "sub.lb.example.org.",
		"1.2.3.4.sub.lb.example.org": "sub.lb.example.org.",
	} {
		b := mustParse(t, "healthlb {\n pool "+name+" {\n member 192.0.2.1\n }\n}", keys...)
		want := strings.TrimSuffix(strings.ToLower(name), ".") + "."
		if p := b.Pools[0]; p.Name != want || p.Zone != zone || p.Where != "Testfile:2" {
			t.Errorf("%s: got %s in %s at %s, want it in %s", name, p.Name, p.Zone, p.Where, zone)
		}
		if want := []string{"example.org.", "lb.example.org.", "sub.lb.example.org."}; !reflect.DeepEqual(b.Zones, want) {
			t.Errorf("zones: got %v, want %v", b.Zones, want)
		}
	}
	for name, want := range map[string]string{
		"a" + longest + ".lb.example.org":  "has 254 letters; at most 253",
		"*." + longest + ".lb.example.org": "has 255 letters; at most 253",
		"a." + longest + ".lb.example.org": "has 255 letters; at most 253",
		"www.example.net":                  "the zones here are example.org., lb.example.org., sub.lb.example.org.",
		"lb.example.org.evil.net":          "is outside the zones",
		"*":                                "is a wildcard",
		"*a.example.org":                   "is no domain name",
		"*.*.example.org":                  "is a wildcard",
		".":                                "a label is empty",
	} {
		_, err := parseIn("healthlb {\n pool "+name+" {\n member 192.0.2.1\n }\n}", keys...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

func TestManyZones(t *testing.T) {
	const want = "the zones here are a.net., b.net., c.net., d.net., e.net. and 2 more"
	_, err := parseIn("healthlb {\n pool a.example.org {\n }\n}", "a.net", "b.net", "c.net", "d.net", "e.net", "f.net", "g.net")
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRootZone(t *testing.T) {
	b := mustParse(t, "healthlb {\n pool www.example.net {\n member 192.0.2.1\n }\n}", "dns://.:53")
	if p := b.Pools[0]; p.Zone != "." {
		t.Errorf("got zone %q", p.Zone)
	}
}

func TestWrongPools(t *testing.T) { testWrong(t, wrongPools, inBlock) }

var wrongPools = []wrong{
	{"members x", "4: members: is not known in a healthlb block; allowed: " + blockWords},
	{"member 192.0.2.1", "4: member: is not known in a healthlb block; allowed: " + blockWords},
	{"dynamic yes", "4: dynamic yes: is one word too many; leave it out, or put words that belong together in double quotes"},
	{"pool", "4: pool: says too little; add the pool's NAME"},
	{"pool a.lb.example.org", "4: pool a.lb.example.org: has no braces; write its lines in { and }, at least one member"},
	{"pool a.lb.example.org b {\n}",
		"4: pool a.lb.example.org b: is one word too many; leave it out, or put words that belong together in " +
			"double quotes"},
	{"pool a.lb.example.org {\n}", "4: pool a.lb.example.org: has no member; add a line: member ADDR, or dynamic if members are to come at run time"},
	{"pool www {\n}",
		"4: pool www: is outside the zones of this server block; the zones here are lb.example.org.; names are " +
			"written in full: www.lb.example.org."},
	{"pool a.example.org {\n}",
		"4: pool a.example.org: is outside the zones of this server block; the zones here are lb.example.org."},
	{"pool www.lb.example.org {\n}",
		"4: pool www.lb.example.org: is the name of the pool at Testfile:2; put the members together in one pool"},
	{"pool WWW.LB.example.org. {\n}",
		"4: pool WWW.LB.example.org.: is the name of the pool at Testfile:2; put the members together in one pool"},
	{"pool a.*.lb.example.org {\n}",
		"4: pool a.*.lb.example.org: is a wildcard; only a pool's name may be one, with * as its first label"},
	{"pool a\\.b.lb.example.org {\n}",
		`4: pool a\.b.lb.example.org: is no domain name; use letters, digits, - and _ with dots in between ` +
			"(international names in their xn-- form)"},
	{"pool \"a b.lb.example.org\" {\n}",
		`4: pool "a b.lb.example.org": is no domain name; use letters, digits, - and _ with dots in between ` +
			"(international names in their xn-- form)"},
	{"pool -.lb.example.org.. {\n}",
		"4: pool -.lb.example.org..: is no domain name: a label is empty; write labels with one dot between them"},
	{"pool " + strings.Repeat("a", 64) + ".lb.example.org {\n}",
		"4: pool " + strings.Repeat("a", 64) + ".lb.example.org: is no domain name: a label has 64 letters; at most 63 are allowed"},
	{"pool xlb.example.org {\n}",
		"4: pool xlb.example.org: is outside the zones of this server block; the zones here are lb.example.org."},
	{"timeout 2s\npool a.lb.example.org {\nmember 192.0.2.1\ninterval 1s\n}",
		"4: timeout 2s: is above the interval of 1s at Testfile:7; write at most 1s"},
	{"pool 192.0.2.1 {\n}",
		"4: pool 192.0.2.1: ends like an IPv4 address, and no domain name ends in a number; write a name, or a " +
			"whole address"},
	{"{", "4: {: begins a line; put it at the end of the line whose block it opens"},
	{"}", "5: }: closes no block"},
	{"interval 5s { }", "4: interval 5s: has no block; leave out the braces"},
	{"pool a.lb.example.org { member 1.2.3.4 } x", "4: x: stands behind a closing brace; begin a new line"},
}
