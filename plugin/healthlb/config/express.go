package config

import (
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"
)

// maxExpress is how many express sockets there may be at an address: one for each core of a large machine.
const maxExpress = 64

// parseExpress parses [SOCKETS].
func parseExpress(a *args) (int, error) {
	if !a.more() {
		return min(runtime.GOMAXPROCS(0), maxExpress), nil
	}
	return take(a, "SOCKETS", func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxExpress {
			return 0, fault{"is no number of sockets", "write a number from 1 to " + strconv.Itoa(maxExpress) + ", or none for one each core"}
		}
		return n, nil
	})
}

// besideExpress are the plugins above healthlb that may stand in a server block with express: what they do is not for queries that express
// answers, or does not depend on single queries. Those of CoreDNS v1.15.0 were read; of any other nothing is known.
var besideExpress = []string{
	"any", "bind", "cancel", "chaos", "debug", "errors", "geoip", "grpc_server", "health", "https", "https3", "loop", "metadata", "multisocket", "pprof",
	"prometheus", "quic", "ready", "reload", "root", "timeouts", "tls", "transfer",
}

// againstExpress says what would be missing with a plugin beside express.
var againstExpress = map[string]string{
	"acl":         "clients that it keeps out would be answered",
	"bufsize":     "answers could be longer than it allows",
	"cache":       "",
	"dns64":       "answers would lack the addresses that it adds",
	"dnssec":      "answers would not be signed",
	"dnstap":      "answers would not be told",
	"dynupdate":   "updates need CoreDNS's own way to read queries",
	"header":      "answers would lack the flags that it sets",
	"loadbalance": "answers would not be shuffled",
	"local":       "",
	"log":         "queries would not be logged",
	"minimal":     "",
	"nsid":        "answers would not say who answered",
	"proxyproto":  "clients would not be told from the proxy",
	"rewrite":     "names would not be rewritten",
	"shed":        "it needs the listener for itself",
	"template":    "answers of its own would be missing",
	"trace":       "queries would not be traced",
	"tsig":        "queries would not be authenticated, nor answers signed",
	"view":        "each view would get the same answers",
}

// ownsListener are the plugins that change how all server blocks of an address are served.
var ownsListener = []string{"dynupdate", "proxyproto", "shed", "tsig"}

// checkExpress looks at what express would leave out: the plugins beside it, and at its address the other server blocks. Their zones inside this
// one's are noted.
func (b *Block) checkExpress(corefile []caddyfile.ServerBlock, order []string, defaultPort string) error {
	fail := func(why, right string) error { return b.expressAt.fail("express", fault{why, right}) }
	own := corefile[b.serverBlock]
	below := order[slices.Index(order, "healthlb")+1:]
	for _, name := range slices.Sorted(maps.Keys(own.Tokens)) {
		switch {
		case name == "healthlb", slices.Contains(besideExpress, name):
		case slices.Contains(below, name) && !slices.Contains(ownsListener, name) && name != "view":
		default:
			why := "does not go with the plugin " + name
			if what := againstExpress[name]; what != "" {
				why += ": " + what
			} else {
				why += ", which would not see the queries that express answers"
			}
			return fail(why, "leave one of the two out, or move the zone to a server block without it")
		}
	}
	if b.GeoIP != "" {
		return fail("does not go with place geoip, which asks a plugin for each query", "name the networks with place or places")
	}
	zones, ports := listensTo(own, defaultPort)
	for port, there := range ports {
		if len(there) != len(zones) {
			return fail("needs all zones of the server block at each of its ports, and at port "+port+" some are missing", "write one server block for each port")
		}
	}
	if len(ports) == 0 {
		return fail("is for plain DNS, which this server block does not speak", "leave it out")
	}
	b.Ports = slices.Sorted(maps.Keys(ports))
	for i, other := range corefile {
		if i == b.serverBlock || !shareAddresses(own, other) {
			continue
		}
		_, others := listensTo(other, defaultPort)
		for port, there := range others {
			if ports[port] == nil {
				continue
			}
			for _, name := range ownsListener {
				if _, has := other.Tokens[name]; has {
					return fail("does not go with the plugin "+name+", which another server block at port "+port+" has: "+againstExpress[name],
						"leave one of the two out, or use another address or port")
				}
			}
			for _, zone := range there {
				switch {
				case slices.Contains(zones, zone):
					return fail("needs the zone "+zone+" for itself, and another server block at port "+port+" has it, too", "leave one of the two out")
				case slices.ContainsFunc(zones, func(z string) bool { return plugin.Name(z).Matches(zone) }):
					b.ExpressNot = append(b.ExpressNot, zone)
				}
			}
		}
	}
	slices.Sort(b.ExpressNot)
	b.ExpressNot = slices.Compact(b.ExpressNot)
	return nil
}

// listensTo returns the zones of a server block, and those at each port where it speaks plain DNS.
func listensTo(s caddyfile.ServerBlock, defaultPort string) (zones []string, ports map[string][]string) {
	ports = make(map[string][]string)
	for _, key := range s.Keys {
		protocol, rest := parse.Transport(strings.TrimSuffix(key, ","))
		hosts, port, err := plugin.SplitHostPort(rest)
		if err != nil {
			continue // CoreDNS has refused it before
		}
		if port == "" {
			port = defaultPort
		}
		for _, host := range hosts {
			zone := plugin.Name(host).Normalize()
			if !slices.Contains(zones, zone) {
				zones = append(zones, zone)
			}
			if protocol == transport.DNS && !slices.Contains(ports[port], zone) {
				ports[port] = append(ports[port], zone)
			}
		}
	}
	return zones, ports
}

// shareAddresses says whether two server blocks may listen at one address.
func shareAddresses(a, b caddyfile.ServerBlock) bool {
	as, known := bindsTo(a)
	bs, alsoKnown := bindsTo(b)
	return !known || !alsoKnown || slices.ContainsFunc(as, func(addr netip.Addr) bool { return slices.Contains(bs, addr) })
}

// bindsTo returns the addresses that a server block listens at: those that it says, or that of all. They are not known where it says the name of
// an interface.
func bindsTo(s caddyfile.ServerBlock) (addrs []netip.Addr, known bool) {
	for _, t := range s.Tokens["bind"] {
		if t.Text == "bind" {
			continue
		}
		addr, err := netip.ParseAddr(t.Text)
		if err != nil {
			return nil, false
		}
		if addr = addr.Unmap(); addr.IsUnspecified() {
			addr = netip.IPv6Unspecified()
		}
		addrs = append(addrs, addr)
	}
	if addrs == nil {
		addrs = []netip.Addr{netip.IPv6Unspecified()}
	}
	return addrs, true
}
