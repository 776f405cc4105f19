package healthlb

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/express"
)

// bothWays asks the express way and as a message what came in as bytes, and compares.
type bothWays struct {
	handler *handler
	express express.Answerer
	queries [1]express.Query
	packed  *answer.Packed
}

func newBothWays(tb testing.TB) *bothWays {
	tb.Helper()
	h := newTestHandler(tb, strings.Replace(packedCorefile(), "healthlb {", "healthlb {\nexpress 1\necs 203.0.113.0/24", 1))
	return &bothWays{handler: h, express: expressOf(h, 2).Answerer(), packed: answer.NewPacked()}
}

// expressOf returns the server of so many express sockets for a handler's block.
func expressOf(h *handler, sockets int) *express.Server {
	h.site.server = new(dnsserver.Config)
	g := newGeneration()
	g.sites = []*site{h.site}
	for _, z := range h.apices {
		g.zones = append(g.zones, z)
	}
	return newExpressServer(&dnsserver.Server{Addr: "dns://127.0.0.1:53"}, g, g.sites, sockets)
}

// compare returns whether express has answered. CoreDNS drops or refuses by their header what has no question or is no query; neither way is asked that.
func (b *bothWays) compare(tb testing.TB, source string, query []byte) (answered bool) {
	tb.Helper()
	q := &b.queries[0]
	q.Client, q.Now = netip.MustParseAddr(source), time.Now()
	if !q.Read(query) {
		return false
	}
	b.express.Find(b.queries[:])
	reply := express.Reply(b.express, q, 0, b.packed)
	if reply == nil {
		return false
	}
	m := new(dns.Msg)
	if err := m.Unpack(query); err != nil {
		tb.Fatalf("%x: answered, and %v", query, err)
	}
	if len(m.Question) != 1 || dns.DefaultMsgAcceptFunc(headerOf(query)) != dns.MsgAccept || m.IsEdns0() != nil && m.IsEdns0().Version() != 0 {
		tb.Fatalf("%x: answered, and CoreDNS does not", query)
	}
	if limit := max(dns.MinMsgSize, limitOf(query)); len(reply) > limit {
		tb.Fatalf("%x: a reply of %d bytes to a client that takes %d", query, len(reply), limit)
	}
	got := new(dns.Msg)
	if err := got.Unpack(reply); err != nil {
		tb.Fatalf("%x: a reply that cannot be read: %v: %x", query, err, reply)
	}
	want, _, _ := send(tb, b.handler, messageWay, source, query)
	if a, b := essence(got), essence(want); a != b {
		tb.Fatalf("%v from %s:\nexpress %s\nmessage %s", m, source, a, b)
	}
	return true
}

func headerOf(m []byte) dns.Header {
	return dns.Header{
		Bits: binary.BigEndian.Uint16(m[2:]), Qdcount: binary.BigEndian.Uint16(m[4:]), Ancount: binary.BigEndian.Uint16(m[6:]),
		Nscount: binary.BigEndian.Uint16(m[8:]), Arcount: binary.BigEndian.Uint16(m[10:]),
	}
}

// maker makes queries: nearly right ones, most of them.
type maker struct {
	*rand.Rand
	names []string
}

func (m *maker) one(of ...uint16) uint16 { return of[m.IntN(len(of))] }

func (m *maker) mostly(usual uint16, others ...uint16) uint16 {
	if m.IntN(20) == 0 {
		return m.one(others...)
	}
	return usual
}

func (m *maker) query() []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(m.Uint32()))
	b = binary.BigEndian.AppendUint16(b, m.one(0, 0x100, 0x100, 0x110, 0x120, 0x7ff, uint16(m.Uint32())))
	b = binary.BigEndian.AppendUint16(b, m.mostly(1, 0, 2, 0xffff))
	records := m.mostly(uint16(m.IntN(2)), 2, 3)
	b = binary.BigEndian.AppendUint16(b, m.mostly(0, 1, 2))
	b = binary.BigEndian.AppendUint16(b, m.mostly(0, 1, 2))
	b = binary.BigEndian.AppendUint16(b, records)
	b = append(b, m.name()...)
	b = binary.BigEndian.AppendUint16(b, m.mostly(m.one(dns.TypeA, dns.TypeAAAA), dns.TypeSOA, dns.TypeANY, uint16(m.Uint32())))
	b = binary.BigEndian.AppendUint16(b, m.mostly(dns.ClassINET, dns.ClassCHAOS, uint16(m.Uint32())))
	for range records {
		b = m.opt(b)
	}
	for m.IntN(10) == 0 { // damage
		switch at := m.IntN(len(b)); m.IntN(4) {
		case 0:
			b[at] ^= 1 << m.IntN(8)
		case 1:
			b = b[:at+1]
		case 2:
			b = append(b, byte(m.Uint32()))
		case 3:
			b[at] = byte(m.Uint32())
		}
	}
	return b
}

// name is one that there is, mostly, in some case, with something before it now and then.
func (m *maker) name() []byte {
	var b []byte
	for m.IntN(5) == 0 {
		label := make([]byte, 1+m.IntN(8))
		for i := range label {
			label[i] = byte(m.Uint32())
		}
		b = append(append(b, byte(len(label))), label...)
	}
	packed := answer.PackName(m.names[m.IntN(len(m.names))])
	for i, c := range packed {
		if 'a' <= c && c <= 'z' && m.IntN(4) == 0 {
			packed[i] = c - 'a' + 'A'
		}
	}
	return append(b, packed...)
}

func (m *maker) opt(b []byte) []byte {
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, m.mostly(dns.TypeOPT, dns.TypeTSIG, dns.TypeA))
	b = binary.BigEndian.AppendUint16(b, m.one(0, 512, 1232, 1232, 4096, 65535, uint16(m.Uint32())))
	b = append(b, byte(m.mostly(0, 1, 255)), byte(m.mostly(0, 1, 2)))
	b = binary.BigEndian.AppendUint16(b, m.one(0, 0x8000, 0x8000, uint16(m.Uint32())))
	var options []byte
	for m.IntN(2) == 0 {
		code := m.one(dns.EDNS0SUBNET, dns.EDNS0SUBNET, dns.EDNS0COOKIE, dns.EDNS0NSID, dns.EDNS0PADDING, uint16(m.IntN(25)), uint16(m.Uint32()))
		data := make([]byte, m.IntN(12))
		for i := range data {
			data[i] = byte(m.Uint32())
		}
		if code == dns.EDNS0SUBNET && m.IntN(4) > 0 {
			data = [][]byte{{0, 1, 24, 0, 10, 1, 2}, {0, 1, 0, 0}, {0, 2, 56, 0, 32, 1, 13, 184, 0, 1, 2}, {0, 1, 32, 0, 10, 1, 2, 3}, {0, 1, 24, 0, 10, 1, 2, 3}, {0, 1, 23, 0, 10, 1, 255}}[m.IntN(6)]
		}
		options = binary.BigEndian.AppendUint16(options, code)
		options = binary.BigEndian.AppendUint16(options, uint16(len(data)))
		options = append(options, data...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(options)))
	return append(b, options...)
}

func newMaker(h *handler, seed uint64) *maker {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 1)), names: []string{"x.wild.example.org.", "a\\.b.wild.example.org.", "nope.example.org.", "elsewhere.net.", "."}}
	for name := range h.names.Load().nodes {
		m.names = append(m.names, name)
	}
	return m
}

// expressQueries is how many random queries are tried. Under the race detector each takes ten times as long.
const expressQueries = 1_000_000

// TestExpressIsTheSame: what express answers is what a message would say, whatever is asked, and from wherever.
func TestExpressIsTheSame(t *testing.T) {
	t.Parallel()
	both := newBothWays(t)
	seed := rand.Uint64()
	t.Log("seed", seed)
	m := newMaker(both.handler, seed)
	tries := expressQueries
	if raceEnabled {
		tries /= 20
	}
	answered := 0
	for i := range tries {
		if both.compare(t, []string{"198.51.100.7", "203.0.113.7", "2001:db8::7"}[i%3], m.query()) {
			answered++
		}
	}
	t.Logf("%d of %d were answered", answered, tries)
	if answered < tries/5 {
		t.Errorf("only %d of %d were answered", answered, tries)
	}
}

// FuzzExpress is the same, led by what the code looks at.
func FuzzExpress(f *testing.F) {
	both := newBothWays(f)
	m := newMaker(both.handler, 1)
	for range 100 {
		f.Add(m.query(), byte(0))
	}
	f.Fuzz(func(t *testing.T, query []byte, source byte) {
		both.compare(t, []string{"198.51.100.7", "203.0.113.7", "2001:db8::7"}[source%3], query)
	})
}
