package healthlb

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/block"
)

// wire keeps what is written to a client, as the last writer of CoreDNS does.
type wire struct {
	client
	bytes    []byte
	messages int
}

func (w *wire) WriteMsg(m *dns.Msg) (err error) {
	w.bytes, err = m.Pack()
	w.messages++
	return err
}

func (w *wire) Write(b []byte) (int, error) {
	w.bytes = slices.Clone(b)
	return len(b), nil
}

// send asks one way or the other what came in as bytes, as CoreDNS would. It returns nil when nothing was written, and whether that was a message.
func send(tb testing.TB, h *handler, w way, source string, query []byte) (reply *dns.Msg, rcode int, message bool) {
	tb.Helper()
	q := new(dns.Msg)
	if err := q.Unpack(query); err != nil {
		tb.Fatal(err)
	}
	h.way.Store(w)
	out := &wire{client: *from(source)}
	rcode, err := h.ServeDNS(context.Background(), request.NewScrubWriter(q, out), q)
	if err != nil {
		tb.Fatal(err)
	}
	if out.bytes == nil {
		return nil, rcode, false
	}
	if len(out.bytes) > max(dns.MinMsgSize, limitOf(query)) {
		tb.Fatalf("a reply of %d bytes to a client that takes %d", len(out.bytes), limitOf(query))
	}
	reply = new(dns.Msg)
	if err := reply.Unpack(out.bytes); err != nil {
		tb.Fatalf("cannot be read: %v: %x", err, out.bytes)
	}
	return reply, rcode, out.messages > 0
}

func limitOf(query []byte) int {
	q := new(dns.Msg)
	if q.Unpack(query) != nil || q.IsEdns0() == nil {
		return 0
	}
	return int(q.IsEdns0().UDPSize())
}

// essence is a reply as text but for who of several is named, which is left to the turns.
func essence(m *dns.Msg) string {
	if m == nil {
		return "nothing"
	}
	text := func(rrs []dns.RR) (lines []string) {
		for _, rr := range rrs {
			if a, ok := rr.(*dns.A); ok {
				a.A = net.IPv4zero
			}
			if a, ok := rr.(*dns.AAAA); ok {
				a.AAAA = net.IPv6zero
			}
			lines = append(lines, rr.String())
		}
		slices.Sort(lines)
		return lines
	}
	m.Compress = false
	return fmt.Sprintf("%+v %v %q %q %q", m.MsgHdr, m.Question, text(m.Answer), text(m.Ns), text(m.Extra))
}

// packedCorefile has a pool of each kind that makes a difference to how a reply is made. A hash with balance is not among them: how many it
// names depends on the answers before.
func packedCorefile() string {
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(zoneCorefile, "}"))
	for _, policy := range []string{"round_robin", "random", "weighted", "hash", "least", "failover"} {
		for _, answers := range []string{"1", "3", "all"} {
			fmt.Fprintf(&b, "pool %s%s.policy.example.org {\npolicy %s\nanswers %s\n", policy, answers, policy, answers)
			for i := range 5 {
				fmt.Fprintf(&b, "member 10.0.0.%d 2001:db8::%d\n", i+1, i+1)
			}
			b.WriteString("}\n")
		}
	}
	for _, n := range []int{20, 29, 30, 31, 60, 100} { // about what fits into 512 and into 1,232 bytes
		fmt.Fprintf(&b, "pool many%d.example.org {\n", n)
		for i := range n {
			fmt.Fprintf(&b, "member 10.0.1.%d 2001:db8:1::%d\n", i+1, i+1)
		}
		b.WriteString("}\n")
	}
	b.WriteString("pool nodata.example.org {\nall_down nodata\nmember 10.0.2.1 id down\n}\npool half.example.org {\nmember 10.0.2.2 id down\nmember 10.0.2.3\n}\n}")
	return b.String()
}

// TestPackedIsTheSame asks for each name in each form both ways. The replies differ in nothing but what the ways may differ in.
func TestPackedIsTheSame(t *testing.T) {
	h := newTestHandler(t, packedCorefile(), block.Entry{Prefix: netip.MustParsePrefix("10.0.0.5/32"), Mode: block.Omit})
	var names []string
	for name := range h.names.Load().nodes {
		names = append(names, name, strings.ToUpper(name[:1])+name[1:])
	}
	names = append(names, "x.wild.example.org.", "X.y.Wild.example.org.", "a\\.b.wild.example.org.", "nope.example.org.", "elsewhere.net.")
	packed, all := 0, 0
	for _, name := range names {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSOA, dns.TypeNS, dns.TypeTXT, dns.TypeANY} {
			for form, change := range map[string]func(q *dns.Msg){
				"plain":      func(*dns.Msg) {},
				"RD, CD, AD": func(q *dns.Msg) { q.RecursionDesired, q.CheckingDisabled, q.AuthenticatedData = true, true, true },
				"no RD":      func(q *dns.Msg) { q.RecursionDesired = false },
				"EDNS":       func(q *dns.Msg) { q.SetEdns0(1232, false) },
				"EDNS, DO":   func(q *dns.Msg) { q.SetEdns0(4096, true) },
				"EDNS, all flags": func(q *dns.Msg) {
					q.SetEdns0(4096, true)
					q.IsEdns0().Hdr.Ttl |= 0xffff
				},
				"EDNS, small": func(q *dns.Msg) { q.SetEdns0(0, false) },
				"EDNS, an option": func(q *dns.Msg) {
					q.SetEdns0(1400, false)
					q.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0011223344556677"}}
				},
				"EDNS, a subnet of nobody's": func(q *dns.Msg) {
					q.SetEdns0(1400, false)
					q.IsEdns0().Option = []dns.EDNS0{subnet(1, "10.1.2.0", 24, 0)}
				},
				"EDNS, and more": func(q *dns.Msg) {
					q.SetEdns0(1232, false)
					q.Extra = append(q.Extra, &dns.A{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeA, Class: 1}, A: net.IPv4zero})
				},
			} {
				q := query(name, qtype)
				change(q)
				bytes, err := q.Pack()
				if err != nil {
					t.Fatal(err)
				}
				a, rcodeA, message := send(t, h, packedWay, "198.51.100.7", bytes)
				b, rcodeB, _ := send(t, h, messageWay, "198.51.100.7", bytes)
				all++
				if !message {
					packed++
				}
				if a, b := essence(a), essence(b); a != b || rcodeA != rcodeB {
					t.Fatalf("%s %s, %s:\npacked  %d %s\nmessage %d %s", name, dns.Type(qtype), form, rcodeA, a, rcodeB, b)
				}
			}
		}
	}
	if packed < all/5 {
		t.Errorf("only %d of %d replies were packed", packed, all)
	}
}

// TestPackedTakesTurns: both ways take the same turns, one after the other, and count what they have answered.
func TestPackedTakesTurns(t *testing.T) {
	h := newTestHandler(t, packedCorefile())
	q, err := query("round_robin1.policy.example.org.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for i := range 20 {
		m, _, message := send(t, h, []way{packedWay, messageWay}[i%2], "198.51.100.7", q)
		if message != (i%2 == 1) {
			t.Fatalf("query %d went the other way", i)
		}
		seen[m.Answer[0].(*dns.A).A.String()]++
	}
	for addr, n := range seen {
		if n != 4 || len(seen) != 5 {
			t.Errorf("%s was named %d times of 20", addr, n)
		}
	}
}

// FuzzPacked asks both ways what may come from the network.
func FuzzPacked(f *testing.F) {
	h := newTestHandler(f, strings.Replace(packedCorefile(), "healthlb {", "healthlb {\necs 203.0.113.0/24", 1))
	for _, q := range []*dns.Msg{
		query("www.example.org.", dns.TypeA), query("WWW.example.org.", dns.TypeAAAA), query("x.wild.example.org.", dns.TypeA),
		query("hash1.policy.example.org.", dns.TypeA, subnet(1, "10.1.2.0", 24, 0)), query("nodata.example.org.", dns.TypeA),
		query("last.example.org.", dns.TypeAAAA, subnet(2, "2001:db8::", 56, 0)), query("\\000.wild.example.org.", dns.TypeA),
		query("many30.example.org.", dns.TypeA), query("many60.example.org.", dns.TypeAAAA),
	} {
		bytes, err := q.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes, false)
		f.Add(bytes, true)
	}
	f.Fuzz(func(t *testing.T, bytes []byte, believed bool) {
		q := new(dns.Msg)
		if q.Unpack(bytes) != nil || len(q.Question) != 1 { // CoreDNS answers these itself
			return
		}
		if opt := q.IsEdns0(); opt != nil && opt.Version() != 0 { // and these
			return
		}
		source := "198.51.100.7"
		if believed {
			source = "203.0.113.7"
		}
		a, rcodeA, _ := send(t, h, packedWay, source, bytes)
		b, rcodeB, _ := send(t, h, messageWay, source, bytes)
		if a, b := essence(a), essence(b); a != b || rcodeA != rcodeB {
			t.Fatalf("%v:\npacked  %d %s\nmessage %d %s", q, rcodeA, a, rcodeB, b)
		}
	})
}

// named is a plugin of which only the name counts.
type named struct {
	plugin.Handler
	name string
}

func (n named) Name() string { return n.name }

func TestMayPack(t *testing.T) {
	for chain, want := range map[string]bool{
		"healthlb":                        true,
		"errors healthlb":                 true,
		"prometheus errors acl healthlb":  true,
		"healthlb dnssec":                 true, // below
		"dnssec healthlb":                 false,
		"errors log healthlb":             false,
		"cache healthlb":                  false,
		"somebodys healthlb":              false,
		"prometheus errors somebodys_own": false,
	} {
		var handlers []plugin.Handler
		for _, name := range strings.Fields(chain) {
			handlers = append(handlers, named{name: name})
		}
		if got := mayPack(handlers); got != want {
			t.Errorf("%s: %v", chain, got)
		}
	}
}

// TestWay: packed replies are for plain DNS, of which the handler learns by the first query.
func TestWay(t *testing.T) {
	for addr, want := range map[string]way{
		"dns://127.0.0.1:53": packedWay, "tls://127.0.0.1:853": messageWay, "https://127.0.0.1:443": messageWay, "quic://:853": messageWay,
	} {
		h := newTestHandler(t, zoneCorefile)
		h.mayPack = true
		ctx := context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: addr})
		if got := h.packs(ctx); got != (want == packedWay) || h.way.Load() != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

// TestStraight: what CoreDNS asks itself for is no reply to a client, however many writers are in between.
func TestStraight(t *testing.T) {
	q := query("www.example.org.", dns.TypeA)
	between := func(w dns.ResponseWriter) dns.ResponseWriter {
		var got dns.ResponseWriter
		catch := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
			got = w
			return 0, nil
		})
		above := plugin.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
			return plugin.NextOrFailure("above", catch, ctx, &recorder{dnstest.NewRecorder(w), ""}, r)
		})
		if _, err := plugin.NextOrFailure("first", above, context.Background(), w, q); err != nil {
			t.Fatal(err)
		}
		return got
	}
	client := from("198.51.100.7")
	for rule, tc := range map[string]struct {
		w    dns.ResponseWriter
		want bool
	}{
		"a client":                       {request.NewScrubWriter(q, client), true},
		"CoreDNS":                        {request.NewScrubWriter(q, nonwriter.New(client)), false},
		"a client, and plugins above":    {between(request.NewScrubWriter(q, client)), true},
		"CoreDNS, and plugins above":     {between(request.NewScrubWriter(q, nonwriter.New(client))), false},
		"CoreDNS by way of CoreDNS":      {between(request.NewScrubWriter(q, nonwriter.New(between(request.NewScrubWriter(q, client))))), false},
		"a writer that is none of these": {client, true},
	} {
		if got := straight(tc.w); got != tc.want {
			t.Errorf("%s: %t", rule, got)
		}
		if n := testing.AllocsPerRun(100, func() { straight(tc.w) }); n > 0 {
			t.Errorf("%s: %g allocations", rule, n)
		}
	}
}

// recorder is a writer as that of prometheus.
type recorder struct {
	*dnstest.Recorder
	plugin string
}
