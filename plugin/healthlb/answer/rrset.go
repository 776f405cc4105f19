// Package answer makes DNS messages: RRsets that are ready before a query comes, negative answers, and the client subnet option. It
// knows addresses and names, and nothing of pools.
package answer

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/miekg/dns"
)

// RRset holds the records of one name and type, ready to be answered with. Every run of records in cyclic order is a part of one
// slice, so that naming one costs no allocation. The records are shared by all answers: whoever wants to change one copies it, as
// CoreDNS's plugin.md asks.
type RRset struct {
	packedNormal []byte   // each record twice in a row, in wire form, as in a reply to a question for their owner
	stride       int32    // the length of one there
	size         int32    // how many there are
	packedLow    []byte   // the same with the low TTL
	normal, low  []dns.RR // the same as records
}

// TTLs are the two TTLs of an RRset, in seconds.
type TTLs struct{ Normal, Low uint32 }

// Of returns one of the two.
func (t TTLs) Of(low bool) uint32 {
	if low {
		return t.Low
	}
	return t.Normal
}

// NewRRset builds the records of owner for addresses of one family. The records with the low TTL are made only when needed.
func NewRRset(owner string, addrs []netip.Addr, ttl TTLs, needLow bool) RRset {
	s := RRset{normal: doubled(records(owner, addrs, ttl.Normal)), size: int32(len(addrs))}
	s.packedNormal, s.stride = packed(addrs, ttl.Normal)
	s.low, s.packedLow = s.normal, s.packedNormal
	if needLow && ttl.Low != ttl.Normal {
		s.low = doubled(records(owner, addrs, ttl.Low))
		s.packedLow, _ = packed(addrs, ttl.Low)
	}
	return s
}

// Part returns an RRset of the records at some positions of this one. It shares the records.
func (s *RRset) Part(positions []int32) RRset {
	rrs := make([]dns.RR, len(positions))
	s.List(positions, false, rrs)
	part := RRset{normal: doubled(rrs), packedNormal: s.packedPart(positions, false), stride: s.stride, size: int32(len(positions))}
	part.low, part.packedLow = part.normal, part.packedNormal
	if &s.low[0] != &s.normal[0] {
		s.List(positions, true, rrs)
		part.low, part.packedLow = doubled(rrs), s.packedPart(positions, true)
	}
	return part
}

// Len returns how many records there are.
func (s *RRset) Len() int { return int(s.size) }

// PackedLen returns how many bytes so many records have in a packed reply.
func (s *RRset) PackedLen(records int) int { return records * int(s.stride) }

// Fetch has the packed records brought near; what it returns means nothing.
func (s *RRset) Fetch() (sum uint64) {
	for at := 0; at < min(len(s.packedNormal), mostFetched); at += cacheLine {
		sum += uint64(s.packedNormal[at])
	}
	return sum
}

const (
	cacheLine   = 64 // bytes, on amd64 and most of arm64
	mostFetched = 4 * cacheLine
)

// Run returns the k records from start on, cyclic. The slice has no room to append to: what it stands in is shared.
func (s *RRset) Run(start, k int, low bool) []dns.RR {
	return s.side(low)[start : start+k : start+k]
}

// List sets rrs to the records at the given positions; both are of one length.
func (s *RRset) List(positions []int32, low bool, rrs []dns.RR) {
	side := s.side(low)
	for i, p := range positions {
		rrs[i] = side[p]
	}
}

func (s *RRset) side(low bool) []dns.RR {
	if low {
		return s.low
	}
	return s.normal
}

func (s *RRset) packed(low bool) []byte {
	if low {
		return s.packedLow
	}
	return s.packedNormal
}

// packedPart returns the packed records at some positions, twice in a row.
func (s *RRset) packedPart(positions []int32, low bool) []byte {
	stride, all := int(s.stride), s.packed(low)
	b := make([]byte, 0, 2*len(positions)*stride)
	for range 2 {
		for _, at := range positions {
			b = append(b, all[int(at)*stride:][:stride]...)
		}
	}
	return b
}

// packed returns an A or AAAA record for each address in wire form, twice in a row, and the length of one.
func packed(addrs []netip.Addr, ttl uint32) (b []byte, stride int32) {
	if len(addrs) == 0 {
		return nil, 0
	}
	rrtype, size := dns.TypeA, net.IPv4len
	if !addrs[0].Is4() {
		rrtype, size = dns.TypeAAAA, net.IPv6len
	}
	b = make([]byte, 0, 2*len(addrs)*(pointerLen+fixedLen+size))
	for range 2 {
		for _, addr := range addrs {
			b = binary.BigEndian.AppendUint16(b, pointer|headerLen)
			b = binary.BigEndian.AppendUint16(b, rrtype)
			b = binary.BigEndian.AppendUint16(b, dns.ClassINET)
			b = binary.BigEndian.AppendUint32(b, ttl)
			b = binary.BigEndian.AppendUint16(b, uint16(size))
			b = append(b, addr.AsSlice()...)
		}
	}
	return b, int32(pointerLen + fixedLen + size)
}

func doubled(rrs []dns.RR) []dns.RR {
	twice := make([]dns.RR, 2*len(rrs))
	copy(twice[copy(twice, rrs):], rrs)
	return twice
}

// records returns an A or AAAA record for each address, side by side in memory, so that a run of them is read quickly.
func records(owner string, addrs []netip.Addr, ttl uint32) []dns.RR {
	rrs := make([]dns.RR, len(addrs))
	if len(addrs) == 0 {
		return rrs
	}
	if addrs[0].Is4() {
		as, ips := make([]dns.A, len(addrs)), make([]byte, 0, len(addrs)*net.IPv4len)
		for i, addr := range addrs {
			ip := addr.As4()
			ips = append(ips, ip[:]...)
			as[i] = dns.A{Hdr: header(owner, dns.TypeA, ttl), A: net.IP(ips[i*net.IPv4len:])[:net.IPv4len:net.IPv4len]}
			rrs[i] = &as[i]
		}
		return rrs
	}
	as, ips := make([]dns.AAAA, len(addrs)), make([]byte, 0, len(addrs)*net.IPv6len)
	for i, addr := range addrs {
		ip := addr.As16()
		ips = append(ips, ip[:]...)
		as[i] = dns.AAAA{Hdr: header(owner, dns.TypeAAAA, ttl), AAAA: net.IP(ips[i*net.IPv6len:])[:net.IPv6len:net.IPv6len]}
		rrs[i] = &as[i]
	}
	return rrs
}

func header(owner string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

// Renamed returns copies of the records with another owner: what a wildcard's records become for the name that was asked (RFC 4592
// section 3.3.1).
func Renamed(rrs []dns.RR, owner string) []dns.RR {
	renamed := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		renamed[i] = dns.Copy(rr)
		renamed[i].Header().Name = owner
	}
	return renamed
}
