package healthlb

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/pool"
)

// handler answers for the names of one healthlb block. Nothing it does for a query takes a lock, parses or formats.
type handler struct {
	Next plugin.Handler
	*site
}

// site is one healthlb block at work. Its names are made when the servers start.
type site struct {
	zones []string
	names *names
	ready func() bool
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
	m := h.names.find(name)
	if m.zone == nil || !m.owns(q.Qtype) && h.names.fall.Through(name) {
		return h.pass(ctx, w, r, dns.RcodeRefused)
	}
	if q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR {
		return dns.RcodeRefused, nil // the transfer plugin is above this one, and is not there or knows nobody to send the zone to
	}
	client, err := h.client(w, r, m)
	if err != nil {
		return dns.RcodeFormatError, nil
	}
	reply := answer.NewReply(r)
	if m.answer(reply, name, q.Qtype, client) && r.IsEdns0() != nil {
		reply.AddOption(answer.AllDownOption())
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

// client returns whom the answer is for. The client subnet that a resolver sends is looked at only when that resolver is believed.
func (h *handler) client(w dns.ResponseWriter, r *dns.Msg, m match) (answer.Client, error) {
	source := answer.Source(w.RemoteAddr())
	believed := h.names.believed
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

// owns says whether the name is answered for even when all others are left to the next plugin: pools are, and at the apex only their
// addresses.
func (m match) owns(qtype uint16) bool {
	if m.node == nil || m.node.pool == nil {
		return false
	}
	return !m.node.apex || qtype == dns.TypeA || qtype == dns.TypeAAAA
}

// answer completes the reply to a question for a name in the zone. It returns whether too few members were eligible for a better one.
func (m match) answer(r *answer.Reply, name string, qtype uint16, client answer.Client) (allDown bool) {
	if m.node == nil {
		r.Msg.Rcode = dns.RcodeNameError
		m.zone.negative(r)
		r.EchoSubnet(client, false)
		return false
	}
	if qtype == dns.TypeANY {
		qtype = m.node.anyType()
	}
	switch {
	case m.node.pool != nil && qtype == dns.TypeA:
		return m.address(r, pool.A, name, client)
	case m.node.pool != nil && qtype == dns.TypeAAAA:
		return m.address(r, pool.AAAA, name, client)
	case m.node.apex && qtype == dns.TypeSOA:
		r.Msg.Answer = clipped(*m.zone.soa.Load())
	case m.node.apex && qtype == dns.TypeNS:
		r.Msg.Answer = clipped(m.zone.ns)
		for _, g := range m.zone.glue {
			r.Msg.Extra = append(append(r.Msg.Extra, g.of(pool.A)...), g.of(pool.AAAA)...)
		}
	case m.node.glue != nil && qtype == dns.TypeA:
		r.Msg.Answer = m.node.glue.of(pool.A)
	case m.node.glue != nil && qtype == dns.TypeAAAA:
		r.Msg.Answer = m.node.glue.of(pool.AAAA)
	}
	if len(r.Msg.Answer) == 0 {
		m.zone.negative(r)
	}
	r.EchoSubnet(client, false)
	return false
}

// address completes the reply to a question for the addresses of a pool.
func (m match) address(r *answer.Reply, f pool.Family, name string, client answer.Client) (allDown bool) {
	named, perClient, allDown := m.node.pool.Reply(r, f, client, time.Now())
	switch {
	case named && m.wildcard:
		r.Msg.Answer = answer.Renamed(r.Msg.Answer, name)
	case !named && r.Msg.Rcode == dns.RcodeSuccess:
		m.zone.negative(r)
	}
	r.EchoSubnet(client, perClient)
	return allDown
}

// anyType chooses the one RRset that answers a query for ANY (RFC 8482 section 4.1).
func (n *node) anyType() uint16 {
	switch {
	case n.pool != nil && n.pool.Has(pool.A), n.glue != nil && len(n.glue.of(pool.A)) > 0:
		return dns.TypeA
	case n.pool != nil, n.glue != nil:
		return dns.TypeAAAA
	default:
		return dns.TypeSOA
	}
}
