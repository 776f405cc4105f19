package answer

import (
	"encoding/binary"

	"github.com/coredns/coredns/plugin/pkg/edns"
	"github.com/miekg/dns"
)

// Asked is what a packed reply has to know of a query.
type Asked struct {
	ID     uint16
	RD, CD bool
	Name   []byte // of the question, in wire form and as it was asked
	Type   uint16 // of the question; its class is IN
	EDNS   bool   // there is an OPT record, of version 0, in which nothing stands that CoreDNS would return
	Size   uint16 // that it says
	Flags  uint16 // that it has, DO among them
	Subnet bool   // it has a client subnet
}

// limit is how long a reply over UDP may be without its OPT record, whatever that holds of notes.
func (a *Asked) limit() int {
	if !a.EDNS {
		return dns.MinMsgSize
	}
	return max(dns.MinMsgSize, int(a.Size)) - optLen - notesLen
}

// of reads a message. It says false where only a message will do for a reply: there is more than a question and an OPT record, or an option
// that CoreDNS would return. name is where the question's name is packed to, if it is not packed yet.
func (a *Asked) of(query *dns.Msg, packed []byte, name *[MaxName]byte) bool {
	q := &query.Question[0]
	a.ID, a.RD, a.CD, a.Type = query.Id, query.RecursionDesired, query.CheckingDisabled, q.Qtype
	switch len(query.Extra) {
	case 0:
	case 1:
		opt, ok := query.Extra[0].(*dns.OPT)
		if !ok {
			return false
		}
		for _, option := range opt.Option {
			if edns.SupportedOption(option.Option()) {
				return false
			}
		}
		a.EDNS, a.Size, a.Flags = true, opt.UDPSize(), uint16(opt.Hdr.Ttl)
	default:
		return false
	}
	if a.Name = packed; packed == nil {
		end, err := dns.PackDomainName(q.Name, name[:], 0, nil, false)
		if err != nil {
			return false
		}
		a.Name = name[:end]
	}
	return true
}

// Read reads a query as it came from the network. It says false where only CoreDNS can answer: it is no query with one question of class IN
// that stands there plainly, alone or with an OPT record of version 0; or that holds an option that CoreDNS would return, or the DNS library might
// not read. lower is where the name is put in lower case, and its length is returned.
func (a *Asked) Read(query []byte, lower *[MaxName]byte) (length int, ok bool) {
	if len(query) < headerLen+1+4 {
		return 0, false
	}
	const opcodeQR, additionalOnly = 0xF800, 1 << 16
	flags := binary.BigEndian.Uint16(query[2:])
	if flags&opcodeQR != 0 || binary.BigEndian.Uint32(query[4:]) != additionalOnly || binary.BigEndian.Uint16(query[8:]) != 0 {
		return 0, false
	}
	a.ID, a.RD, a.CD = binary.BigEndian.Uint16(query), flags&flagRD != 0, flags&flagCD != 0
	length = lowerName(query[headerLen:], lower)
	rest := query[headerLen+length:]
	if length == 0 || len(rest) < 4 || binary.BigEndian.Uint16(rest[2:]) != dns.ClassINET {
		return 0, false
	}
	a.Name, a.Type = query[headerLen:headerLen+length], binary.BigEndian.Uint16(rest)
	rest = rest[4:]
	a.EDNS, a.Size, a.Flags, a.Subnet = false, 0, 0, false
	switch binary.BigEndian.Uint16(query[10:]) {
	case 0:
		return length, len(rest) == 0
	case 1:
		return length, a.readOPT(rest)
	}
	return 0, false
}

// lowerName copies a name in lower case. It returns its length, 0 when it is none or has a pointer.
func lowerName(from []byte, to *[MaxName]byte) int {
	for at := 0; at < len(from) && at < MaxName; {
		label := int(from[at])
		end := at + 1 + label
		if label > 63 || end > len(from) || end > MaxName {
			return 0
		}
		to[at] = byte(label)
		for i := at + 1; i < end; i++ {
			c := from[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			to[i] = c
		}
		if label == 0 {
			return end
		}
		at = end
	}
	return 0
}

// readOPT reads what is the last record of a query (RFC 6891 section 6.1.2).
func (a *Asked) readOPT(rr []byte) bool {
	if len(rr) < optLen || rr[0] != 0 || binary.BigEndian.Uint16(rr[1:]) != dns.TypeOPT {
		return false
	}
	if rr[6] != 0 || int(binary.BigEndian.Uint16(rr[9:])) != len(rr)-optLen { // the version, and the length of the options
		return false
	}
	a.EDNS, a.Size, a.Flags = true, binary.BigEndian.Uint16(rr[3:]), binary.BigEndian.Uint16(rr[7:])
	for options := rr[optLen:]; len(options) > 0; {
		if len(options) < 4 {
			return false
		}
		code, size := binary.BigEndian.Uint16(options), int(binary.BigEndian.Uint16(options[2:]))
		if size > len(options)-4 || !a.readOption(code, options[4:4+size]) {
			return false
		}
		options = options[4+size:]
	}
	return true
}

// readOption says whether an option is one that the DNS library reads whatever stands in it, or that is right, and that CoreDNS would not
// return.
func (a *Asked) readOption(code uint16, data []byte) bool {
	switch code {
	case dns.EDNS0SUBNET:
		a.Subnet = true
		if !isSubnet(data) {
			return false
		}
	case dns.EDNS0LLQ, dns.EDNS0UL, dns.EDNS0DAU, dns.EDNS0DHU, dns.EDNS0N3U, dns.EDNS0EXPIRE, dns.EDNS0TCPKEEPALIVE, dns.EDNS0EDE, dns.EDNS0ESU,
		dns.EDNS0REPORTING, dns.EDNS0ZONEVERSION:
		return false
	}
	return !edns.SupportedOption(code)
}

// isSubnet says whether the data of a client subnet option is such as RFC 7871 section 6 has it in queries.
func isSubnet(data []byte) bool {
	if len(data) < 4 || data[3] != 0 {
		return false
	}
	bits := 0
	switch binary.BigEndian.Uint16(data) {
	case 1:
		bits = 32
	case 2:
		bits = 128
	}
	source := int(data[2])
	return bits > 0 && source <= bits && len(data)-4 == (source+7)/8
}
