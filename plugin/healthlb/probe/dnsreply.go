package probe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// The flags of a message's header (RFC 1035 section 4.1.1).
const (
	dnsResponse  = 1 << 15
	dnsOpcode    = 15 << 11 // 0: a standard query
	dnsTruncated = 1 << 9
	dnsRcode     = 15
)

// dnsReply is a message that answers the question that was asked.
type dnsReply []byte

func (r dnsReply) flags() uint16 { return binary.BigEndian.Uint16(r[2:]) }
func (r dnsReply) rcode() int    { return int(r.flags() & dnsRcode) }
func (r dnsReply) truncated() bool {
	return r.flags()&dnsTruncated != 0 && r.rcode() == dns.RcodeSuccess
}

// answeredBy says whether a message is the reply to the question: it has its id and repeats it. A reply that refuses may leave the
// question out, as that of a server may that could not read it.
func (q dnsAsked) answeredBy(m []byte) bool {
	asked := q.datagram()
	if len(m) < dnsHeader || !bytes.Equal(m[:2], asked[:2]) {
		return false
	}
	r := dnsReply(m)
	if r.flags()&(dnsResponse|dnsOpcode) != dnsResponse {
		return false
	}
	switch questions := binary.BigEndian.Uint16(m[4:]); {
	case questions == 0:
		return r.rcode() != dns.RcodeSuccess
	case questions > 1 || len(m) < len(asked):
		return false
	default:
		class := len(asked) - 4 // where the name ends: type and class have two bytes each
		return equalNames(m[dnsHeader:class], asked[dnsHeader:class]) && bytes.Equal(m[class:len(asked)], asked[class:])
	}
}

// equalNames compares names on the wire without regard to the case of ASCII letters (RFC 1035 section 2.3.3). It cannot take the length
// of a label for a letter: the lengths in b, which is a name, are below 64.
func equalNames(a, b []byte) bool {
	for i := range a {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// judge is the result of a probe that got a whole reply.
func (q dnsQuery) judge(r dnsReply) Result {
	if r.rcode() != dns.RcodeSuccess {
		return fail(r.rcodeName())
	}
	var m dns.Msg
	if err := m.Unpack(r); err != nil {
		return fail("malformed reply: " + strings.TrimPrefix(err.Error(), "dns: "))
	}
	if !slices.ContainsFunc(m.Answer, q.answeredIn) {
		return fail(fmt.Sprintf("NOERROR, but no %s record of %s", q.typeName(), q.name()))
	}
	return Result{}
}

// answeredIn says whether a record is what was asked for, or begins the way there. Where the way leads is not the member's affair.
func (q dnsQuery) answeredIn(rr dns.RR) bool {
	h := rr.Header()
	if h.Class != dns.ClassINET {
		return false
	}
	switch h.Rrtype {
	case q.qtype, dns.TypeCNAME:
		return strings.EqualFold(h.Name, q.qname)
	case dns.TypeDNAME:
		return dns.IsSubDomain(h.Name, q.qname)
	default:
		return false
	}
}

func (r dnsReply) rcodeName() string {
	if name, ok := dns.RcodeToString[r.rcode()]; ok {
		return name
	}
	return fmt.Sprintf("RCODE %d", r.rcode())
}
