// Package healthlb makes CoreDNS a health-aware authoritative responder: it answers A and AAAA for the names of its pools with the
// members that pass their probes and that no operator has blocked.
package healthlb

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/config"
)

func init() { plugin.Register("healthlb", setup) }

// setup reads one healthlb block. It has no side effects: if the Corefile is refused, nothing is left of it.
func setup(c *caddy.Controller) error {
	b, err := config.Parse(c)
	if err != nil {
		return plugin.Error("healthlb", err)
	}
	g := generationOf(c)
	s, err := g.add(b)
	if err != nil {
		return plugin.Error("healthlb", err)
	}
	s.server = dnsserver.GetConfig(c)
	if b.Express > 0 {
		s.server.UDPDecorateWriterFunc = func(server *dnsserver.Server) dns.DecorateWriter {
			theHub.lanes.serve(g, server)
			return nil
		}
	}
	// The closure is called once for each zone and socket: each chain gets a handler of its own.
	s.server.AddPlugin(func(next plugin.Handler) plugin.Handler {
		return &handler{Next: next, site: s}
	})
	return nil
}
