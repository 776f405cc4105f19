// Package express answers queries over UDP beside CoreDNS, on sockets of its own at CoreDNS's address: a loop reads what has come, has
// what it can answered from bytes that are ready, and hands all else on to CoreDNS's chain of plugins. The kernel is told to give it every
// datagram for that address (Linux's SO_REUSEPORT with a program). That is for speed alone: whatever arrives at CoreDNS's own socket is
// answered there, as ever.
package express

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
)

// Server is what answers the queries at one address. It is called by all sockets at once.
type Server struct {
	// Answer makes a reply, which was begun for the query, if it can. name is the name that is asked for, in lower case and in wire
	// form. What it is given is good until it returns.
	Answer func(q *Query, reply *answer.Packed) (notes answer.Notes, ok bool)

	// Chain answers what Answer cannot.
	Chain dns.Handler

	// Count is told now and then how many queries were answered since it was told last.
	Count func(*Counts)

	Zones int // how many zones' answers are counted each by itself
}

// Query is a query that may be answered.
type Query struct {
	answer.Asked
	Lower  []byte // the name, in lower case
	Client netip.Addr
	Now    time.Time
	Zone   int // set by Answer: in which zone the name is, below Zones

	lower [answer.MaxName]byte
}

// Reply makes the reply to what came over UDP, in p, if the server can. It returns nil when that takes the chain. q says who asks and when;
// the rest of it is set.
func (s *Server) Reply(q *Query, query []byte, p *answer.Packed) []byte {
	n, ok := q.Read(query, &q.lower)
	if !ok || q.Type != dns.TypeA && q.Type != dns.TypeAAAA {
		return nil
	}
	q.Lower = q.lower[:n]
	owner := q.Lower
	if bytes.Equal(owner, q.Name) {
		owner = nil
	}
	p.Begin(&q.Asked, owner)
	notes, ok := s.Answer(q, p)
	if !ok {
		return nil
	}
	return p.End(notes)
}

const (
	// querySize is how much of a datagram is read, which is what CoreDNS reads of it: a longer one is cut, and so an error.
	querySize = 512
	// nameSize is room for a socket address (struct sockaddr_in6).
	nameSize = 28
	// controlSize is room for a control message with the address that a datagram was sent to (IPV6_PKTINFO: 16 + 20, aligned).
	controlSize = 64
)

// Counts are queries and what became of them.
type Counts struct {
	Answered []Answered // by Query.Zone
	HandedOn uint64
	Dropped  uint64 // too many were under way that had been handed on
	Refused  uint64 // answered with an error without being handed on, as their header is none of a query
}

// Answered are the queries that were answered from one zone.
type Answered struct {
	ByType [2][2]uint64 // by the client's family, IPv4 and IPv6, and what was asked for, A and AAAA
	DO     uint64       // with DO set
}
