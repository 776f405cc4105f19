package config

import (
	"math"
	"net/netip"
	"strings"
	"time"
)

// nameServer is a name of an ns line with its place.
type nameServer struct {
	NameServer
	at    pos
	words []string // up to the name
}

func (s *nameServer) fail(f fault) error { return s.at.fail(show(s.words), f) }

// parseNS parses NAME [ADDR...] NAME [ADDR...] ...
func parseNS(a *args) ([]nameServer, error) {
	var servers []nameServer
	for len(servers) == 0 || a.more() {
		if a.more() && isAddr(a.words[a.next]) {
			if len(servers) == 0 {
				a.next++
				return nil, a.fail(fault{"is an address without a name before it", "write NAME ADDR"})
			}
			if err := takeGlue(a, &servers[len(servers)-1].NameServer); err != nil {
				return nil, err
			}
			continue
		}
		name, err := take(a, "NAME", parseName)
		if err != nil {
			return nil, err
		}
		for _, s := range servers {
			if s.Name == name {
				return nil, a.fail(fault{"is there twice", "write each name once, with all its addresses behind it"})
			}
		}
		servers = append(servers, nameServer{NameServer{Name: name}, a.pos(a.next - 1), a.words[:a.next]})
	}
	return servers, nil
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

func takeGlue(a *args, ns *NameServer) error {
	addr, err := take(a, "ADDR", parseServerAddr)
	if err != nil {
		return err
	}
	for _, known := range ns.Addrs {
		if known == addr {
			return a.fail(fault{"is there twice", "name each address once"})
		}
	}
	ns.Addrs = append(ns.Addrs, addr)
	return nil
}

// nameServers checks the ns line against zones and pools. The warnings are of names that no one could resolve.
func (r *blockReader) nameServers() (servers []NameServer, warnings []string, err error) {
	for _, s := range r.ns.v {
		at, isPool := r.pools[s.Name]
		inZone := r.zones.of(s.Name) != ""
		switch {
		case len(s.Addrs) > 0 && isPool:
			return nil, nil, s.fail(fault{
				"has addresses, and is the pool at " + at.String(),
				"leave the addresses out: the pool answers for the name",
			})
		case len(s.Addrs) > 0 && !inZone:
			return nil, nil, s.fail(fault{
				"has addresses, but is outside the zones of this server block",
				"leave the addresses out: whoever serves its zone answers for the name",
			})
		case len(s.Addrs) == 0 && inZone && !isPool:
			warnings = append(warnings, s.fail(fault{
				"is inside the zone without an address, so resolvers cannot find it",
				"write its addresses behind it",
			}).Error())
		}
		servers = append(servers, s.NameServer)
	}
	return servers, warnings, nil
}

// defaultSOA is for zones that change whenever a member goes up or down. RFC 1912 section 2.2 and RIPE-203 think of zones that
// change once in days (refresh 20m to 1d, expire 2 to 6 weeks). Here a secondary that missed a NOTIFY names dead members until it
// asks again, and after a day without word what it knows of health is worth nothing.
var defaultSOA = SOA{Refresh: 60, Retry: 15, Expire: 86400, Negative: 5}

// maxTime is the longest time that DNS can say (RFC 2181 section 8).
const maxTime = math.MaxInt32 * time.Second

var soaDirectives = table[SOA]{
	"mbox": {parse: func(a *args, s *SOA) (err error) {
		s.Mbox, err = take(a, "NAME", parseMailbox)
		return err
	}},
	"refresh":  soaTime(func(s *SOA) *uint32 { return &s.Refresh }),
	"retry":    soaTime(func(s *SOA) *uint32 { return &s.Retry }),
	"expire":   soaTime(func(s *SOA) *uint32 { return &s.Expire }),
	"negative": soaTime(func(s *SOA) *uint32 { return &s.Negative }),
}

func soaTime(place func(*SOA) *uint32) directive[SOA] {
	parse := seconds(maxTime)
	return directive[SOA]{parse: func(a *args, s *SOA) (err error) {
		*place(s), err = take(a, aDuration, parse)
		return err
	}}
}

// parseMailbox parses the mailbox of whoever is responsible, which the SOA has as a name.
func parseMailbox(s string) (string, error) {
	if user, host, ok := strings.Cut(s, "@"); ok {
		right := "write " + user + "." + host
		if strings.Contains(user, ".") {
			right = "write a dot for the @, and choose a mailbox with no dot before that"
		}
		return "", fault{"is a mail address, and not a name as the SOA has it", right}
	}
	return parseName(s)
}

func parseSOA(a *args) (SOA, error) {
	s := defaultSOA
	if !a.more() {
		return s, a.missing("mbox NAME, or refresh, retry, expire or negative with a duration")
	}
	err := soaDirectives.options(a, "in an soa line", &s)
	return s, err
}

// parseFallthrough parses [ZONES...].
func parseFallthrough(a *args) ([]string, error) {
	var names []string
	for a.more() {
		name, err := take(a, "ZONE", parseZone)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func parseZone(s string) (string, error) {
	if s == "." {
		return s, nil
	}
	return parseName(s)
}

// checkFallthrough lets no zone pass from which no query could come here: neither inside one of the server block's, nor above it.
func (r *blockReader) checkFallthrough() error {
	for _, name := range r.passOn.v {
		reachable := r.zones.of(name) != ""
		for _, z := range r.zones {
			reachable = reachable || within(z, name)
		}
		if !reachable {
			return r.passOn.at.fail("fallthrough "+name, r.zones.outside(name))
		}
	}
	return nil
}
