package config

import (
	"net/netip"
	"strings"
)

// parseServerAddr parses the address of a server: one that a client could be sent to.
func parseServerAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, fault{"is no IP address", "write one like 192.0.2.10 or 2001:db8::10; names are not resolved"}
	}
	if what := unfit(a); what != "" {
		return a, fault{"is " + what + ", which no server can have", "write the server's own address"}
	}
	return a, nil
}

// unfit says what kind of address it is that no server can have; nothing for the others. Loopback and private addresses are fine:
// the clients may be here, too.
func unfit(a netip.Addr) string {
	switch {
	case a.Zone() != "":
		return "an address with a zone identifier"
	case a.Is4In6():
		return "an IPv4-mapped IPv6 address" // RFC 4291 section 2.5.5.2
	case a.IsUnspecified():
		return "the unspecified address"
	case a.IsMulticast():
		return "a multicast address"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "the limited broadcast address"
	}
	return ""
}

// looksLikeAddr says whether a word is meant as an address, right or wrong, and not as an option.
func looksLikeAddr(s string) bool { return strings.ContainsAny(s, ".:") }

// family returns A or AAAA.
func family(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}

// takeServerAddrs takes the rest of the line as addresses, at least one, each once.
func takeServerAddrs(a *args) ([]netip.Addr, error) {
	var addrs []netip.Addr
	known := map[netip.Addr]bool{}
	for len(addrs) == 0 || a.more() {
		addr, err := take(a, "ADDR", parseServerAddr)
		if err != nil {
			return nil, err
		}
		if known[addr] {
			return nil, a.fail(fault{"is there twice", "name each address once"})
		}
		known[addr] = true
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// takePrefixes takes the rest of the line as networks, at least one. A bare address is a network of its own.
func takePrefixes(a *args) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for len(prefixes) == 0 || a.more() {
		p, err := take(a, "CIDR", parsePrefix)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	var none netip.Prefix
	p, err := netip.ParsePrefix(s)
	if err != nil {
		if a, aerr := netip.ParseAddr(s); aerr == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
	}
	switch {
	case err != nil:
		return none, fault{"is no network", "write a CIDR like 192.0.2.0/24 or 2001:db8::/32, or one address"}
	case p.Addr().Is4In6():
		return none, fault{"is an IPv4-mapped IPv6 network", "write it as the IPv4 network"}
	case p != p.Masked():
		return none, fault{"has bits set behind the prefix", "write " + p.Masked().String()}
	}
	return p, nil
}
