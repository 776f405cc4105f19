package probe

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/miekg/dns"
)

// dnsHeader is the length of a message's header (RFC 1035 section 4.1.1), in bytes.
const dnsHeader = 12

// dnsQuery is a question, and the message that asks it.
//
// It does not desire recursion: the member is asked for what it serves itself. It has no EDNS: old name servers answer that with
// FORMERR, and the answers looked for are short.
type dnsQuery struct {
	qname string // lower-case FQDN
	qtype uint16
	wire  []byte // with an id of 0
}

func newDNSQuery(fqdn string, qtype uint16) (dnsQuery, error) {
	if _, ok := dns.IsDomainName(fqdn); !ok {
		return dnsQuery{}, fmt.Errorf("%q is no domain name", fqdn)
	}
	var m dns.Msg
	m.Question = []dns.Question{{Name: fqdn, Qtype: qtype, Qclass: dns.ClassINET}}
	wire, err := m.Pack()
	if err != nil {
		return dnsQuery{}, fmt.Errorf("%q cannot be asked for: %w", fqdn, err)
	}
	return dnsQuery{fqdn, qtype, wire}, nil
}

// name is the name asked for as the Corefile would say it.
func (q dnsQuery) name() string {
	if q.qname == "." {
		return q.qname
	}
	return strings.TrimSuffix(q.qname, ".")
}

func (q dnsQuery) typeName() string { return dns.Type(q.qtype).String() }

// dnsAsked is a query with an id of its own. Both its forms ask the same.
type dnsAsked struct {
	dnsQuery
	message []byte // with two bytes of its length before it, as TCP wants it (RFC 1035 section 4.2.2)
}

// ask returns the query with a random id.
func (q dnsQuery) ask() dnsAsked {
	m := make([]byte, 2+len(q.wire))
	binary.BigEndian.PutUint16(m, uint16(len(q.wire)))
	copy(m[2:], q.wire)
	binary.BigEndian.PutUint16(m[2:], uint16(rand.Uint32()))
	return dnsAsked{q, m}
}

func (q dnsAsked) datagram() []byte { return q.message[2:] }
