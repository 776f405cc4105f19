package healthlb

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metadata"
	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/place"
	"example.org/healthlb/plugin/healthlb/pool"
)

// handler answers for the names of one healthlb block. Nothing it does for a query takes a lock, parses or formats.
type handler struct {
	Next plugin.Handler
	*site
	way atomic.Uint32 // see packs
}

// site is one healthlb block at work. Its names are made when the servers start.
type site struct {
	zones  []string
	names  atomic.Pointer[names]
	apices map[string]*zone            // its zones, by their names
	places atomic.Pointer[place.Table] // where clients are; nil: not known here
	label  string                      // the metadata label that says a client's region; empty: none does
	ready  func() bool
	block  *config.Block

	server  *dnsserver.Config // the first of the server block
	mayPack bool              // see mayPack
}

// Name implements plugin.Handler.
func (*handler) Name() string { return "healthlb" }

// CacheBypassZones tells the cache plugin to leave these zones alone: cached answers would stop the rotation, lag behind health and
// mix up client subnets.
func (h *handler) CacheBypassZones() []string { return h.zones }

// ServeDNS implements plugin.Handler.
func (h *handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	q := &r.Question[0]
	switch {
	case r.Opcode != dns.OpcodeQuery:
		return h.pass(ctx, w, r, dns.RcodeNotImplemented)
	case q.Qclass != dns.ClassINET:
		return h.pass(ctx, w, r, dns.RcodeRefused)
	}
	name := strings.ToLower(q.Name) // costs nothing when it is lower-case already
	names := h.names.Load()
	m := names.find(name)
	if m.zone == nil || !m.owns(q.Qtype) && names.fall.Through(name) {
		return h.pass(ctx, w, r, dns.RcodeRefused)
	}
	if q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR {
		return dns.RcodeRefused, nil // the transfer plugin is above this one, and is not there or knows nobody to send the zone to
	}
	client, err := names.client(w, r, m)
	if err != nil {
		return dns.RcodeFormatError, nil
	}
	asked := pool.Query{Client: client, Name: name, Region: h.region(ctx, r, client, m)}
	if h.packs(ctx) {
		if done, err := m.writePacked(w, r, asked); done {
			return dns.RcodeSuccess, err
		}
	}
	reply := answer.NewReply(r)
	notes := m.answer(reply, q.Qtype, asked)
	if notes != 0 && r.IsEdns0() != nil {
		reply.AddNotes(notes)
	}
	return dns.RcodeSuccess, w.WriteMsg(&reply.Msg)
}

// pass hands a query on to the next plugin; where there is none, rcode is the answer.
func (h *handler) pass(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, rcode int) (int, error) {
	if h.Next == nil {
		return rcode, nil
	}
	return plugin.NextOrFailure(h.Name(), h.Next, ctx, w, r)
}

// region returns the region of the client, as another plugin tells it, where the answer may depend on it. When that plugin has looked at a
// client subnet that is not believed here, nothing is known of the client: a resolver would take the answer for one that all its
// clients may have.
func (h *handler) region(ctx context.Context, r *dns.Msg, client answer.Client, m match) string {
	if h.label == "" || m.node == nil || m.node.pool == nil || !m.node.pool.PrefersRegion() {
		return ""
	}
	if h.block.GeoIPBySubnet && !client.HasSubnet() && answer.HasSubnet(r) {
		return ""
	}
	value := metadata.ValueFunc(ctx, h.label)
	if value == nil {
		return ""
	}
	return value()
}

// client returns whom the answer is for. The client subnet that a resolver sends is looked at only when that resolver is believed.
func (n *names) client(w dns.ResponseWriter, r *dns.Msg, m match) (answer.Client, error) {
	source := answer.Source(w.RemoteAddr())
	believed := n.believed
	if m.node != nil && m.node.pool != nil {
		believed = m.node.pool.ECS
	}
	if len(believed) == 0 || !contains(believed, source) {
		return answer.NewClient(source, nil), nil
	}
	opt := r.IsEdns0()
	if opt == nil {
		return answer.NewClient(source, nil), nil
	}
	subnet, err := answer.ReadSubnet(opt)
	return answer.NewClient(source, subnet), err
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
