package config

import (
	"strings"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/probe"
)

var dnsDirectives = table[probe.DNSOptions]{
	"name": {parse: func(a *args, o *probe.DNSOptions) (err error) {
		o.Name, err = take(a, "NAME", parseQueryName)
		return err
	}},
	"type": {parse: func(a *args, o *probe.DNSOptions) (err error) {
		o.Type, err = take(a, "the TYPE of record", parseQueryType)
		return err
	}},
}

// parseDNS parses the options of check dns.
func parseDNS(a *args, port uint16) (buildCheck, error) {
	o := probe.DNSOptions{Type: dns.TypeA}
	err := dnsDirectives.options(a, "in check dns", &o)
	if err == nil && o.Name == "" {
		err = a.missing("name NAME, the name to ask for")
	}
	return func(c checkCache, _ string) (probe.Check, error) { return c.newDNS(port, o) }, err
}

// parseQueryName parses a name to ask for, which may be the root.
func parseQueryName(s string) (string, error) {
	if s == "." {
		return s, nil
	}
	return parseName(s)
}

// parseQueryType parses the name of a type of record that can be asked for: neither OPT nor one of the range for questions and for what
// is not stored (RFC 6895 section 3.1), such as ANY and AXFR.
func parseQueryType(s string) (uint16, error) {
	t, known := dns.StringToType[strings.ToUpper(s)]
	switch {
	case !known:
		return 0, fault{"is no type of record", "write its name, for example A, AAAA, MX, NS, SOA or TXT"}
	case t == dns.TypeNone, t == dns.TypeOPT, t >= 128 && t <= 255, t == dns.TypeReserved:
		return 0, fault{"is no type that records have", "write the name of one that they have, for example A, AAAA, MX, NS, SOA or TXT"}
	}
	return t, nil
}

func (c checkCache) newDNS(port uint16, o probe.DNSOptions) (probe.Check, error) {
	type key struct {
		port uint16
		probe.DNSOptions
	}
	return c.get(key{port, o}, func() (probe.Check, error) { return probe.NewDNS(port, o) })
}
