package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/health"
)

// nameServer serves DNS over UDP and TCP on one port of addr (IP:0).
func nameServer(t testing.TB, addr string, handle dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	packets, listener := listenBoth(t, addr)
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: handle}, {Listener: listener, Handler: handle}} {
		started, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() {
			defer close(ended)
			s.ActivateAndServe()
		}()
		<-started
		t.Cleanup(func() {
			s.Shutdown()
			<-ended
		})
	}
	return listener.Addr().(*net.TCPAddr).AddrPort()
}

// listenBoth listens on one port for both protocols.
func listenBoth(t testing.TB, addr string) (*net.UDPConn, net.Listener) {
	t.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			t.Skipf("cannot listen on %s: %v", addr, err)
		}
		packets, err := net.ListenPacket("udp", listener.Addr().String())
		if err == nil {
			return packets.(*net.UDPConn), listener
		}
		listener.Close() // somebody has that port for UDP
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

// dnsMember gives each datagram to handle, whose answers go back where it came from. Connections are given to accept; nil: to nobody.
func dnsMember(t testing.TB, handle func(query []byte, reply func([]byte)), accept func(net.Conn)) netip.AddrPort {
	t.Helper()
	packets, listener := listenBoth(t, "127.0.0.1:0")
	addr := packets.LocalAddr().(*net.UDPAddr).AddrPort()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 1500)
		for {
			n, from, err := packets.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			handle(bytes.Clone(buf[:n]), func(b []byte) { packets.WriteToUDPAddrPort(b, from) })
		}
	}()
	t.Cleanup(func() {
		packets.Close()
		<-ended
	})
	listener.Close()
	if accept != nil {
		if got := member(t, addr.String(), accept); got != addr {
			t.Fatalf("listening on %v, want %v", got, addr)
		}
	}
	return addr
}

// dnsRecord parses a record of a zone file.
func dnsRecord(t testing.TB, s string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(s)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

// dnsReplies answers every query with a code and records.
func dnsReplies(t testing.TB, rcode int, records ...string) dns.HandlerFunc {
	var rrs []dns.RR
	for _, s := range records {
		rrs = append(rrs, dnsRecord(t, s))
	}
	return func(w dns.ResponseWriter, query *dns.Msg) {
		m := new(dns.Msg)
		m.SetRcode(query, rcode)
		m.Answer = rrs
		w.WriteMsg(m)
	}
}

func mustDNS(t testing.TB, opts DNSOptions) Check {
	t.Helper()
	c, err := NewDNS(53, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var asksA = DNSOptions{Name: "www.example.org"}

func TestDNS(t *testing.T) {
	const address = "www.example.org. 60 IN A 192.0.2.1"
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("www.example.org. 60 IN A 192.0.2.%d", i)
	}
	for _, tt := range []struct {
		name    string
		server  dns.HandlerFunc
		opts    DNSOptions
		outcome health.Outcome
		reason  string
	}{
		{"an address", dnsReplies(t, dns.RcodeSuccess, address), asksA, health.Pass, ""},
		{"several", dnsReplies(t, dns.RcodeSuccess, many[:8]...), asksA, health.Pass, ""},
		{"in capitals", dnsReplies(t, dns.RcodeSuccess, "WWW.EXAMPLE.ORG. 60 IN A 192.0.2.1"), asksA, health.Pass, ""},
		{"an alias", dnsReplies(t, dns.RcodeSuccess, "www.example.org. 60 IN CNAME x.example.net."), asksA, health.Pass, ""},
		{"an alias and what it leads to", dnsReplies(t, dns.RcodeSuccess, "www.example.org. 60 IN CNAME x.example.net.",
			"x.example.net. 60 IN A 192.0.2.1"), asksA, health.Pass, ""},
		{"a DNAME", dnsReplies(t, dns.RcodeSuccess, "example.org. 60 IN DNAME example.net."), asksA, health.Pass, ""},
		{"another type", dnsReplies(t, dns.RcodeSuccess, "example.org. 60 IN SOA ns. mail. 1 2 3 4 5"),
			DNSOptions{Name: "Example.ORG.", Type: dns.TypeSOA}, health.Pass, ""},
		{"the root's name servers", dnsReplies(t, dns.RcodeSuccess, ". 60 IN NS a.example.org."),
			DNSOptions{Name: ".", Type: dns.TypeNS}, health.Pass, ""},

		{"NODATA", dnsReplies(t, dns.RcodeSuccess), asksA, health.Fail, "NOERROR, but no A record of www.example.org"},
		{"NODATA of another type", dnsReplies(t, dns.RcodeSuccess, address), DNSOptions{Name: "www.example.org", Type: dns.TypeHTTPS},
			health.Fail, "NOERROR, but no HTTPS record of www.example.org"},
		{"another name", dnsReplies(t, dns.RcodeSuccess, "example.org. 60 IN A 192.0.2.1"), asksA,
			health.Fail, "NOERROR, but no A record of www.example.org"},
		{"another class", dnsReplies(t, dns.RcodeSuccess, "www.example.org. 60 CH A 192.0.2.1"), asksA,
			health.Fail, "NOERROR, but no A record of www.example.org"},
		{"an alias of another name", dnsReplies(t, dns.RcodeSuccess, "x.example.org. 60 IN CNAME www.example.org."), asksA,
			health.Fail, "NOERROR, but no A record of www.example.org"},
		{"a DNAME beside", dnsReplies(t, dns.RcodeSuccess, "x.example.org. 60 IN DNAME example.net."), asksA,
			health.Fail, "NOERROR, but no A record of www.example.org"},
		{"a code with an answer", dnsReplies(t, dns.RcodeServerFailure, address), asksA, health.Fail, "SERVFAIL"},
	} {
		for _, ip := range []string{"127.1.2.3:0", "[::1]:0"} {
			t.Run(tt.name+" on "+ip, func(t *testing.T) {
				t.Parallel()
				wantResult(t, mustDNS(t, tt.opts), nameServer(t, ip, tt.server), enough, tt.outcome, tt.reason)
			})
		}
	}
	for rcode := 1; rcode <= 15; rcode++ {
		want, known := dns.RcodeToString[rcode]
		if !known {
			want = fmt.Sprintf("RCODE %d", rcode)
		}
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			wantResult(t, mustDNS(t, asksA), nameServer(t, "127.0.0.1:0", dnsReplies(t, rcode)), enough, health.Fail, want)
		})
	}
}

// What does not fit into a datagram is asked for over TCP.
func TestDNSOverTCP(t *testing.T) {
	// The datagram is cut within its first record, as some servers cut.
	cut := func(w dns.ResponseWriter, query *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(query)
		if _, udp := w.RemoteAddr().(*net.UDPAddr); !udp {
			for i := range 1000 {
				m.Answer = append(m.Answer, dnsRecord(t, fmt.Sprintf("www.example.org. 60 IN A 192.0.%d.%d", i>>8, i&0xff)))
			}
			w.WriteMsg(m)
			return
		}
		m.Truncated = true
		m.Answer = []dns.RR{dnsRecord(t, "www.example.org. 60 IN A 192.0.2.1")}
		b, err := m.Pack()
		if err != nil {
			t.Error(err)
		}
		w.Write(b[:len(b)-7])
	}
	wantResult(t, mustDNS(t, asksA), nameServer(t, "127.0.0.1:0", cut), enough, health.Pass, "")
	wantResult(t, mustDNS(t, asksA), nameServer(t, "[::1]:0", cut), enough, health.Pass, "")

	// A server that says TC by UDP, and has no answer by TCP.
	both := func(rcode int, tc bool) dns.HandlerFunc {
		return func(w dns.ResponseWriter, query *dns.Msg) {
			m := new(dns.Msg)
			m.SetReply(query)
			if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
				m.Truncated = true
			} else {
				m.Rcode, m.Truncated = rcode, tc
			}
			w.WriteMsg(m)
		}
	}
	for _, tt := range []struct {
		name   string
		server dns.HandlerFunc
		reason string
	}{
		{"refused", both(dns.RcodeRefused, false), "REFUSED"},
		{"nothing", both(dns.RcodeSuccess, false), "NOERROR, but no A record of www.example.org"},
		{"truncated again", both(dns.RcodeSuccess, true), "the reply over TCP is truncated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantResult(t, mustDNS(t, asksA), nameServer(t, "127.0.0.1:0", tt.server), enough, health.Fail, tt.reason)
		})
	}
}

// saysTruncated answers a query with nothing but the flag that says that there is more.
func saysTruncated(query []byte, reply func([]byte)) {
	reply(withFlags(query, dnsResponse|dnsTruncated))
}

// withFlags returns a message with other flags.
func withFlags(m []byte, flags uint16) []byte {
	m = bytes.Clone(m)
	binary.BigEndian.PutUint16(m[2:], flags)
	return m
}

func TestDNSOverBadTCP(t *testing.T) {
	// stream answers the query with what make returns for it.
	stream := func(make func(query []byte) string, then func(net.Conn)) func(net.Conn) {
		return func(conn net.Conn) {
			query, err := readDNS(conn)
			if err != nil {
				return
			}
			io.WriteString(conn, make(query))
			then(conn)
		}
	}
	hangUp := func(net.Conn) {}
	framed := func(m []byte) string { return string(binary.BigEndian.AppendUint16(nil, uint16(len(m)))) + string(m) }
	const timeout = `timeout after \d+ms `
	for _, tt := range []struct {
		name    string
		accept  func(net.Conn)
		timeout time.Duration
		reason  string
	}{
		{"nobody listens", nil, enough, "connection refused"},
		{"accepts only", silent, brief, timeout + `\(answer over TCP\)`},
		{"closes at once", closesAfter(""), enough, `connection closed \(answer over TCP\)`},
		{"resets", resets, enough, `reset by peer \(answer over TCP\)`},
		{"closes within the length", stream(func([]byte) string { return "\x01" }, hangUp), enough,
			`(connection closed|reset by peer) \(answer over TCP\)`},
		{"closes within the message", stream(func([]byte) string { return "\x01\x00abc" }, hangUp), enough,
			`(connection closed|reset by peer) \(answer over TCP\)`},
		{"half-closes within the message", closesAfter("\x01\x00abc"), enough, `connection closed \(answer over TCP\)`},
		{"hangs within the message", says("\x01\x00abc"), brief, timeout + `\(answer over TCP\)`},
		{"trickles", trickles, brief, timeout + `\(answer over TCP\)`},
		{"endless", endless(bytes.Repeat([]byte("x"), 1000)), enough, "the reply over TCP is not to the question"},
		{"HTTP", says("HTTP/1.1 400 Bad Request\r\n\r\n"), brief, timeout + `\(answer over TCP\)`},
		{"an empty message", says("\x00\x00"), enough, "the reply over TCP is not to the question"},
		{"the query itself", stream(func(q []byte) string { return framed(q) }, silent), enough,
			"the reply over TCP is not to the question"},
		{"another id", stream(func(q []byte) string {
			q = withFlags(q, dnsResponse)
			q[0]++
			return framed(q)
		}, silent), enough, "the reply over TCP is not to the question"},
		{"garbage behind the question", stream(func(q []byte) string {
			q = withFlags(q, dnsResponse)
			q[7] = 1
			return framed(append(q, bytes.Repeat([]byte{0xff}, 60_000)...))
		}, silent), enough, "malformed reply: .*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantResult(t, mustDNS(t, asksA), dnsMember(t, saysTruncated, tt.accept), tt.timeout, health.Fail, tt.reason)
		})
	}
}

// rightReply returns the reply that passes.
func rightReply(t testing.TB, query []byte) []byte {
	m := new(dns.Msg)
	if err := m.Unpack(query); err != nil {
		t.Error(err)
		return nil
	}
	m.Response = true
	m.Answer = []dns.RR{dnsRecord(t, "www.example.org. 60 IN A 192.0.2.1")}
	b, err := m.Pack()
	if err != nil {
		t.Error(err)
	}
	return b
}

func TestDNSDatagrams(t *testing.T) {
	const timeout = `timeout after \d+ms `
	// only answers with what change makes of the right reply.
	only := func(change func([]byte) []byte) func([]byte, func([]byte)) {
		return func(query []byte, reply func([]byte)) { reply(change(rightReply(t, query))) }
	}
	for _, tt := range []struct {
		name    string
		server  func(query []byte, reply func([]byte))
		timeout time.Duration
		outcome health.Outcome
		reason  string
	}{
		{"silence", func([]byte, func([]byte)) {}, brief, health.Fail, timeout + `\(answer\)`},
		{"the first datagram is lost", losesFirst(t, 1), 5 * time.Second, health.Pass, ""},
		{"both are lost", losesFirst(t, 2), brief, health.Fail, timeout + `\(answer\)`},
		{"strays only", only(otherID), brief, health.Fail, timeout + `\((answer|[12] replies, none to the question)\)`},
		{"the name in capitals", only(func(m []byte) []byte { copy(m[13:], "WWW"); return m }), enough, health.Pass, ""},
		{"cut within a record", only(func(m []byte) []byte { return m[:len(m)-2] }), enough, health.Fail, "malformed reply: .*"},
		{"garbage behind the question", only(func(m []byte) []byte { return append(m[:33], "garbage"...) }), enough,
			health.Fail, "malformed reply: .*"},
		{"a header only, that refuses", only(func(m []byte) []byte {
			m[3], m[5] = dns.RcodeFormatError, 0
			return m[:dnsHeader]
		}), enough, health.Fail, "FORMERR"},
		{"the answer, twice", func(q []byte, reply func([]byte)) { reply(rightReply(t, q)); reply(rightReply(t, q)) }, enough, health.Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantResult(t, mustDNS(t, asksA), dnsMember(t, tt.server, nil), tt.timeout, tt.outcome, tt.reason)
		})
	}
}

func otherID(m []byte) []byte {
	m[0] ^= 0x80
	return m
}

// What is no reply to the question is passed over, and the reply behind it counts.
func TestDNSStrays(t *testing.T) {
	const class = dnsHeader + len("\x03www\x07example\x03org\x00")
	for name, change := range map[string]func([]byte) []byte{
		"another id":                 otherID,
		"a query":                    func(m []byte) []byte { m[2] &^= 0x80; return m },
		"another opcode":             func(m []byte) []byte { m[2] |= 2 << 3; return m },
		"another name":               func(m []byte) []byte { m[13]++; return m },
		"a name cut otherwise":       func(m []byte) []byte { m[12]++; return m },
		"another type":               func(m []byte) []byte { m[class+1]++; return m },
		"another class":              func(m []byte) []byte { m[class+3]++; return m },
		"no question":                func(m []byte) []byte { m[3], m[5] = 0, 0; return m[:dnsHeader] },
		"two questions":              func(m []byte) []byte { m[5] = 2; return m },
		"cut in the header":          func(m []byte) []byte { return m[:dnsHeader-1] },
		"cut behind the header":      func(m []byte) []byte { return m[:dnsHeader] },
		"cut in the question":        func(m []byte) []byte { return m[:class+3] },
		"an empty datagram":          func([]byte) []byte { return nil },
		"one byte":                   func([]byte) []byte { return []byte("x") },
		"garbage":                    func([]byte) []byte { return bytes.Repeat([]byte("garbage "), 50) },
		"garbage, longer than Ether": func([]byte) []byte { return bytes.Repeat([]byte("garbage "), 5_000) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dst := dnsMember(t, func(query []byte, reply func([]byte)) {
				for range 10 {
					m := rightReply(t, query)
					m[3] |= dns.RcodeServerFailure
					reply(change(m))
				}
				reply(rightReply(t, query))
			}, nil)
			wantResult(t, mustDNS(t, asksA), dst, enough, health.Pass, "")
		})
	}
}

// The types of records have bytes that could be letters, 65 and 97 for one. They are numbers all the same.
func TestDNSTypesAreNoLetters(t *testing.T) {
	query, err := newDNSQuery("a.", 97)
	if err != nil {
		t.Fatal(err)
	}
	q := query.ask()
	m := withFlags(q.datagram(), dnsResponse)
	if !q.answeredBy(m) {
		t.Error("its own question is not")
	}
	m[dnsHeader+4] = 65
	if q.answeredBy(m) {
		t.Error("type 65 answers type 97")
	}
}

// losesFirst answers all queries but the first n.
func losesFirst(t testing.TB, n int32) func(query []byte, reply func([]byte)) {
	var seen atomic.Int32
	return func(query []byte, reply func([]byte)) {
		if seen.Add(1) > n {
			reply(rightReply(t, query))
		}
	}
}

// A flood of replies with wrong ids neither passes nor lasts.
func TestDNSFlood(t *testing.T) {
	stop := make(chan struct{})
	dst := dnsMember(t, func(query []byte, reply func([]byte)) {
		m := rightReply(t, query)
		m[0] ^= 0x80
		for {
			select {
			case <-stop:
				return
			default:
				reply(m)
			}
		}
	}, nil)
	defer close(stop)
	wantResult(t, mustDNS(t, asksA), dst, enough, health.Fail, "1000 replies, none to the question")
}

func TestDNSPortClosed(t *testing.T) {
	for _, ip := range []string{"127.0.0.1:0", "[::1]:0"} {
		packets, listener := listenBoth(t, ip)
		packets.Close()
		listener.Close()
		wantResult(t, mustDNS(t, asksA), packets.LocalAddr().(*net.UDPAddr).AddrPort(), enough, health.Fail, "connection refused")
	}
}

func TestDNSNoRoute(t *testing.T) {
	nowhere := netip.MustParseAddrPort("198.51.100.1:53")
	if routed(Route{To: nowhere}) {
		t.Skip("this host has a route to", nowhere)
	}
	wantResult(t, mustDNS(t, asksA), nowhere, enough, health.Inconclusive, "cannot probe: no route to the member's network")
}

// A target that is stopped does not wait for its answer.
func TestDNSCancelled(t *testing.T) {
	asked := make(chan struct{}, 2)
	dst := dnsMember(t, func([]byte, func([]byte)) { asked <- struct{}{} }, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if got := mustDNS(t, asksA).Probe(ctx, Route{To: dst}); got.Outcome != health.Inconclusive {
		t.Errorf("got %v %q, want inconclusive", got.Outcome, got.Reason)
	}
}

// The source that a pool says is that of both protocols.
func TestDNSSource(t *testing.T) {
	from := netip.MustParseAddr("127.0.0.9")
	dst := nameServer(t, "127.0.0.1:0", func(w dns.ResponseWriter, query *dns.Msg) {
		if addr := netip.MustParseAddrPort(w.RemoteAddr().String()); addr.Addr() != from {
			t.Errorf("asked over %s by %v, want %v", w.RemoteAddr().Network(), addr, from)
		}
		m := new(dns.Msg)
		m.SetReply(query)
		_, m.Truncated = w.RemoteAddr().(*net.UDPAddr)
		m.Answer = []dns.RR{dnsRecord(t, "www.example.org. 60 IN A 192.0.2.1")}
		w.WriteMsg(m)
	})
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	if got := mustDNS(t, asksA).Probe(ctx, Route{To: dst, From: from}); got.Outcome != health.Pass {
		t.Errorf("got %v %q", got.Outcome, got.Reason)
	}
}

// Ids differ, recursion is not desired, and there is no EDNS.
func TestDNSQuery(t *testing.T) {
	queries := make(chan *dns.Msg, 20)
	pass := dnsReplies(t, dns.RcodeSuccess, "www.example.org. 60 IN A 192.0.2.1")
	dst := nameServer(t, "127.0.0.1:0", func(w dns.ResponseWriter, query *dns.Msg) {
		queries <- query
		pass(w, query)
	})
	ids := map[uint16]bool{}
	for range 10 {
		wantResult(t, mustDNS(t, asksA), dst, enough, health.Pass, "")
		q := <-queries
		ids[q.Id] = true
		want := dns.Question{Name: "www.example.org.", Qtype: dns.TypeA, Qclass: dns.ClassINET}
		if q.RecursionDesired || q.IsEdns0() != nil || len(q.Question) != 1 || q.Question[0] != want {
			t.Errorf("asked %v", q)
		}
	}
	if len(ids) < 5 {
		t.Errorf("10 queries had the ids %v", ids)
	}
}

func TestDNSTrace(t *testing.T) {
	dst := dnsMember(t, saysTruncated, silent)
	var trace Trace
	ctx, cancel := context.WithTimeout(WithTrace(t.Context(), &trace), brief)
	defer cancel()
	mustDNS(t, asksA).Probe(ctx, Route{To: dst})
	var got []string
	for _, s := range trace.Steps() {
		detail, _, _ := strings.Cut(s.Detail, " from ")
		if s.Name == "connect" {
			detail = ""
		}
		got = append(got, strings.TrimSpace(s.Name+" "+detail))
	}
	want := "query A www.example.org over UDP, answer NOERROR, 33 bytes, truncated, connect, query A www.example.org over TCP"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}

func TestDNSName(t *testing.T) {
	for _, tt := range []struct {
		opts DNSOptions
		want string
	}{
		{DNSOptions{Name: "www.example.org"}, "dns name www.example.org type A"},
		{DNSOptions{Name: "WWW.example.org.", Type: dns.TypeA}, "dns name www.example.org type A"},
		{DNSOptions{Name: ".", Type: dns.TypeDNSKEY}, "dns name . type DNSKEY"},
	} {
		c := mustDNS(t, tt.opts)
		if c.Name() != tt.want || c.Key() != tt.want || c.Kind() != "dns" || c.Port() != 53 {
			t.Errorf("got %s, key %s, kind %s, port %d, want %s", c.Name(), c.Key(), c.Kind(), c.Port(), tt.want)
		}
	}
	for _, name := range []string{"", strings.Repeat("a", 64), strings.Repeat("a.", 200), "a..b"} {
		if _, err := NewDNS(53, DNSOptions{Name: name}); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

// FuzzDNSReply gives any datagram or message to the parser. What passes is what miekg/dns reads as an answer to the question.
func FuzzDNSReply(f *testing.F) {
	c, err := NewDNS(53, asksA)
	if err != nil {
		f.Fatal(err)
	}
	q := c.(*dnsCheck).query.ask()
	copy(q.datagram(), "\x12\x34")
	f.Add(rightReply(f, q.datagram()))
	f.Add(withFlags(q.datagram(), dnsResponse|dnsTruncated))
	f.Add(withFlags(q.datagram(), dnsResponse|dns.RcodeNameError))
	f.Add([]byte("\x12\x34\x80\x01\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("garbage"))
	f.Fuzz(func(t *testing.T, m []byte) {
		if !q.answeredBy(m) {
			return
		}
		r := q.judge(m)
		if (r.Outcome == health.Pass) != (r.Reason == "") || len(r.Reason) > maxReason+3 {
			t.Errorf("%v %q", r.Outcome, r.Reason)
		}
		if r.Outcome != health.Pass {
			return
		}
		var msg dns.Msg
		if err := msg.Unpack(m); err != nil || msg.Id != 0x1234 || !msg.Response || msg.Rcode != dns.RcodeSuccess ||
			len(msg.Question) != 1 || !strings.EqualFold(msg.Question[0].Name, "www.example.org.") ||
			msg.Question[0].Qtype != dns.TypeA || len(msg.Answer) == 0 {
			t.Errorf("passed: %v, %v", msg, err)
		}
	})
}

// BenchmarkDNS is the cost of one probe that passes. The member is in the same process and counted too: miekg/dns' server, and a bare
// one that sends a ready reply.
func BenchmarkDNS(b *testing.B) {
	c := mustDNS(b, asksA)
	ready := rightReply(b, c.(*dnsCheck).query.wire)
	bare := dnsMember(b, func(query []byte, reply func([]byte)) {
		copy(ready, query[:2])
		reply(ready)
	}, nil)
	pass := dnsReplies(b, dns.RcodeSuccess, "www.example.org. 60 IN A 192.0.2.1")
	for _, bm := range []struct {
		name string
		dst  netip.AddrPort
	}{
		{"bare member", bare},
		{"udp", nameServer(b, "127.0.0.1:0", pass)},
		{"tcp", nameServer(b, "127.0.0.1:0", func(w dns.ResponseWriter, query *dns.Msg) {
			if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
				m := new(dns.Msg)
				m.SetReply(query)
				m.Truncated = true
				w.WriteMsg(m)
				return
			}
			pass(w, query)
		})},
	} {
		b.Run(bm.name, func(b *testing.B) { mustKeepPassing(b, c, bm.dst) })
	}
}
