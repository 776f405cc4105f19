package healthlb

import (
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/pool"
)

// owns says whether the name is answered for even when all others are left to the next plugin: pools are, and at the apex only their
// addresses.
func (m match) owns(qtype uint16) bool {
	if m.node == nil || m.node.pool == nil {
		return false
	}
	return !m.node.apex || qtype == dns.TypeA || qtype == dns.TypeAAAA
}

// answer completes the reply to a question for a name in the zone. It returns what there is to tell of it.
func (m match) answer(r *answer.Reply, qtype uint16, q pool.Query) answer.Notes {
	if m.node == nil {
		r.Msg.Rcode = dns.RcodeNameError
		m.zone.negative(r)
		r.EchoSubnet(q.Client, 0)
		return 0
	}
	if qtype == dns.TypeANY {
		qtype = m.node.anyType()
	}
	switch {
	case m.node.pool != nil && qtype == dns.TypeA:
		return m.address(r, pool.A, q)
	case m.node.pool != nil && qtype == dns.TypeAAAA:
		return m.address(r, pool.AAAA, q)
	case m.node.apex && qtype == dns.TypeSOA:
		r.Msg.Answer = clipped(m.zone.soa.Load().rrs)
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
	r.EchoSubnet(q.Client, 0)
	return 0
}

// address completes the reply to a question for the addresses of a pool.
func (m match) address(r *answer.Reply, f pool.Family, q pool.Query) answer.Notes {
	did := m.node.pool.Reply(r, f, q, time.Now())
	switch {
	case did.Named && m.wildcard:
		r.Msg.Answer = answer.Renamed(r.Msg.Answer, q.Name)
	case !did.Named && r.Msg.Rcode == dns.RcodeSuccess:
		m.zone.negative(r)
	}
	r.EchoSubnet(q.Client, did.Scope)
	return did.Notes
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
