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

// Server is what answers the queries at one address.
type Server struct {
	// Answerer returns what answers for one socket, whose queries come in batches.
	Answerer func() Answerer

	// Chain answers what no Answerer can. It is called by many goroutines at once.
	Chain dns.Handler

	// Count is told now and then how many queries were answered since it was told last. It is called by all sockets at once.
	Count func(*Counts)

	// Panicked is told when an Answerer has panicked. Its query is handed on.
	Panicked func(why any)

	Zones int // how many zones' answers are counted each by itself
}

// Answerer answers the queries of one socket.
type Answerer interface {
	// Find looks up what a batch of queries asks for, so that all of them wait for memory together. There are BatchSize at most, and
	// they are good until the next batch.
	Find(queries []Query)

	// Answer makes a reply to one of them, which was begun, if it can.
	Answer(q *Query, i int, reply *answer.Packed) (notes answer.Notes, ok bool)

	// Flush writes down what it has kept to itself up to now. It is called before the replies to a batch are sent that was not
	// full, and now and then.
	Flush()
}

// BatchSize is how many queries are answered together at most: as many datagrams as one system call reads or sends.
const BatchSize = 32

// Query is a query that may be answered: for A or AAAA.
type Query struct {
	answer.Asked
	Lower  []byte // the name, in lower case and in wire form
	Client netip.Addr
	Now    time.Time
	Zone   int // set by Answer: in which zone the name is, below Server.Zones

	lower [answer.MaxName]byte
}

// Read reads what came over UDP. It says false when it takes the chain to answer it.
func (q *Query) Read(query []byte) bool {
	n, ok := q.Asked.Read(query, &q.lower)
	q.Lower = q.lower[:n]
	return ok && (q.Type == dns.TypeA || q.Type == dns.TypeAAAA)
}

// Reply makes the reply to query i of a batch, in p. It returns nil when that takes the chain.
func Reply(a Answerer, q *Query, i int, p *answer.Packed) []byte {
	owner := q.Lower
	if bytes.Equal(owner, q.Name) {
		owner = nil
	}
	p.Begin(&q.Asked, owner)
	notes, ok := a.Answer(q, i, p)
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
