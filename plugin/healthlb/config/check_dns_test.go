package config

import "testing"

var rightDNSChecks = []right[*Pool]{
	{"check dns name example.org", checks, []string{"53 dns name example.org type A"}},
	{"check dns 5353 name _X.Example.ORG. type SOA", checks, []string{"5353 dns name _x.example.org type SOA"}},
	{"check dns type aaaa name example.org", checks, []string{"53 dns name example.org type AAAA"}},
	{"check dns name . type NS", checks, []string{"53 dns name . type NS"}},
	{"check dns name 1.2.0.192.in-addr.arpa type PTR", checks, []string{"53 dns name 1.2.0.192.in-addr.arpa type PTR"}},
	{"check dns name example.org type CAA\ncheck dns name example.org type HTTPS", checks,
		[]string{"53 dns name example.org type CAA", "53 dns name example.org type HTTPS"}},
}

func TestDNSChecks(t *testing.T) { testRight(t, rightDNSChecks, onlyPool) }

var wrongDNSChecks = []wrong{
	{"check dns", "4: check dns: says too little; add name NAME, the name to ask for"},
	{"check dns 5353 type A", "4: check dns 5353 type A: says too little; add name NAME, the name to ask for"},
	{"check dns name", "4: check dns name: says too little; add NAME"},
	{"check dns name x.org type", "4: check dns name x.org type: says too little; add the TYPE of record"},
	{"check dns name x..org", "4: check dns name x..org: is no domain name: a label is empty; write labels with one dot between them"},
	{"check dns name *.x.org",
		"4: check dns name *.x.org: is a wildcard; only a pool's name may be one, with * as its first label"},
	{"check dns name x.org type Q",
		"4: check dns name x.org type Q: is no type of record; write its name, for example A, AAAA, MX, NS, SOA or TXT"},
	{"check dns name x.org type TYPE1",
		"4: check dns name x.org type TYPE1: is no type of record; write its name, for example A, AAAA, MX, NS, SOA or TXT"},
	{"check dns name x.org type any",
		"4: check dns name x.org type any: is no type that records have; write the name of one that they have, for example A, AAAA, " +
			"MX, NS, SOA or TXT"},
	{"check dns name x.org server y", "4: check dns name x.org server: is not known in check dns; allowed: name, type"},
	{"check dns name x.org name y.org", "4: check dns name x.org name: was said before, at Testfile:4; say it once"},
	{"check dns name x.org\ncheck dns name X.org. type a",
		"5: check dns name X.org. type a: is the same check as at Testfile:4; leave one out"},
	{"check dns name x.org a", "4: check dns name x.org a: is not known in check dns; allowed: name, type"},
}

func TestWrongDNSChecks(t *testing.T) { testWrong(t, wrongDNSChecks, inPool) }

// What is no type of a record cannot be asked for, by whatever name.
func TestQueryTypes(t *testing.T) {
	for _, s := range []string{"ANY", "AXFR", "IXFR", "MAILA", "MAILB", "TKEY", "TSIG", "OPT", "None", "Reserved", "NXNAME", "", "A ", "1"} {
		if got, err := parseQueryType(s); err == nil {
			t.Errorf("%q was taken for type %d", s, got)
		}
	}
	for s, want := range map[string]uint16{"A": 1, "ns": 2, "SOA": 6, "DNSKEY": 48, "SVCB": 64, "HTTPS": 65, "CAA": 257, "NULL": 10} {
		if got, err := parseQueryType(s); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", s, got, err, want)
		}
	}
}
