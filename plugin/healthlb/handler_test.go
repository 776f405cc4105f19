package healthlb

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/coredns/coredns/plugin/pkg/response"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/pool"
)

func init() { clog.Discard() }

// showing returns a hub whose current generation is that of a healthlb block in the zone example.org, with nothing probed, and the
// block's handler.
func showing(tb testing.TB, corefile string, blocks ...block.Entry) (*hub, *handler) {
	tb.Helper()
	c := caddy.NewTestController("dns", corefile)
	c.ServerBlockKeys = []string{"example.org:53"}
	b, err := config.Parse(c)
	if err != nil {
		tb.Fatal(err)
	}
	h, g := newHub(), newGeneration()
	s, err := g.add(b)
	if err != nil {
		tb.Fatal(err)
	}
	g.process.State = "in memory" // so that blocks are in force
	if err := g.build(h, nil, time.Now()); err != nil {
		tb.Fatal(err)
	}
	h.blocks.Store(block.NewSet(blocks))
	h.current.Store(g)
	for _, p := range h.pools() {
		h.rebuild(p)
	}
	h.rebuildGlue(g)
	for _, z := range g.zones {
		h.serials.publish(z, time.Unix(1700000000, 0))
	}
	return h, &handler{site: s}
}

// newTestHandler returns the handler of such a block, with every member up whose id does not begin with "down".
func newTestHandler(tb testing.TB, corefile string, blocks ...block.Entry) *handler {
	tb.Helper()
	h, handler := showing(tb, corefile, blocks...)
	for _, p := range h.pools() {
		down := make(map[netip.Addr]bool)
		for _, m := range p.Members() {
			if strings.HasPrefix(m.ID, "down") {
				down[m.V4], down[m.V6] = true, true
			}
		}
		for _, s := range p.Slots() {
			outcome := health.Pass
			if down[s.Probe.Addr()] {
				outcome = health.Fail
			}
			s.Observe(pool.Observation{Outcome: outcome, At: time.Now()})
		}
		h.rebuild(p)
	}
	return handler
}

// client is a response writer for a query from an address.
type client struct {
	test.ResponseWriter
	addr net.Addr
}

func from(addr string) *client {
	return &client{addr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 53))}
}

func (c *client) RemoteAddr() net.Addr { return c.addr }

// ask sends a query straight to the handler. The reply is nil when it left that to CoreDNS, which goes by the rcode.
func ask(tb testing.TB, h *handler, source string, q *dns.Msg) (*dns.Msg, int) {
	tb.Helper()
	w := dnstest.NewRecorder(from(source))
	rcode, err := h.ServeDNS(context.Background(), w, q)
	if err != nil {
		tb.Fatal(err)
	}
	return w.Msg, rcode
}

func query(name string, qtype uint16, options ...dns.EDNS0) *dns.Msg {
	q := new(dns.Msg)
	q.SetQuestion(name, qtype)
	if len(options) > 0 {
		q.SetEdns0(1232, false)
		q.IsEdns0().Option = options
	}
	return q
}

const zoneCorefile = `healthlb {
	ns ns1.example.org 192.0.2.53 2001:db8::53 ns.elsewhere.net bare.example.org
	soa negative 7s
	pool www.example.org {
		member 192.0.2.1 2001:db8::1
	}
	pool v4.a.b.example.org {
		member 192.0.2.2
	}
	pool v6.example.org {
		member 2001:db8::3
	}
	pool *.wild.example.org {
		member 192.0.2.4
	}
	pool there.wild.example.org {
		member 192.0.2.5
	}
	pool example.org {
		member 192.0.2.6
	}
	pool dead.example.org {
		all_down servfail
		member 192.0.2.7 id down
	}
	pool refused.example.org {
		all_down refused
		member 192.0.2.7 id down
	}
	pool empty.example.org {
		all_down nodata
		member 192.0.2.7 id down
	}
	pool last.example.org {
		member 192.0.2.7 id down
	}
}`

func TestAnswersOfAZone(t *testing.T) {
	h := newTestHandler(t, zoneCorefile)
	for _, tc := range []struct {
		rule  string
		name  string
		qtype uint16
		rcode int
		want  string // the data of the answer, or of the authority section in brackets
	}{
		{"an address", "www.example.org.", dns.TypeA, 0, "192.0.2.1"},
		{"the other family", "www.example.org.", dns.TypeAAAA, 0, "2001:db8::1"},
		{"case does not matter", "wWw.eXample.ORG.", dns.TypeA, 0, "192.0.2.1"},
		{"a family that the pool lacks is NODATA", "v4.a.b.example.org.", dns.TypeAAAA, 0, "[SOA]"},
		{"the other way round too", "v6.example.org.", dns.TypeA, 0, "[SOA]"},
		{"another type is NODATA", "www.example.org.", dns.TypeMX, 0, "[SOA]"},
		{"an empty non-terminal is NODATA", "b.example.org.", dns.TypeA, 0, "[SOA]"},
		{"two levels of them", "a.b.example.org.", dns.TypeTXT, 0, "[SOA]"},
		{"a name that is not there is NXDOMAIN", "nope.example.org.", dns.TypeA, dns.RcodeNameError, "[SOA]"},
		{"so is one below a pool", "x.www.example.org.", dns.TypeA, dns.RcodeNameError, "[SOA]"},
		{"and one beside another's suffix", "xwww.example.org.", dns.TypeA, dns.RcodeNameError, "[SOA]"},
		{"and one below an empty non-terminal", "x.b.example.org.", dns.TypeA, dns.RcodeNameError, "[SOA]"},
		{"a wildcard speaks for names below it", "x.wild.example.org.", dns.TypeA, 0, "192.0.2.4"},
		{"at any depth", "x.y.z.wild.example.org.", dns.TypeA, 0, "192.0.2.4"},
		{"it has no other family", "x.wild.example.org.", dns.TypeAAAA, 0, "[SOA]"},
		{"it can be asked for itself", "*.wild.example.org.", dns.TypeA, 0, "192.0.2.4"},
		{"a name that exists stops it", "there.wild.example.org.", dns.TypeA, 0, "192.0.2.5"},
		{"and names below that one", "x.there.wild.example.org.", dns.TypeA, dns.RcodeNameError, "[SOA]"},
		{"its own parent is an empty non-terminal", "wild.example.org.", dns.TypeA, 0, "[SOA]"},
		{"the apex as a pool", "example.org.", dns.TypeA, 0, "192.0.2.6"},
		{"the apex's SOA", "example.org.", dns.TypeSOA, 0, "SOA"},
		{"the apex's NS", "example.org.", dns.TypeNS, 0, "ns1.example.org. ns.elsewhere.net. bare.example.org."},
		{"the apex's DNSKEY is NODATA", "example.org.", dns.TypeDNSKEY, 0, "[SOA]"},
		{"the apex's DS too", "example.org.", dns.TypeDS, 0, "[SOA]"},
		{"SOA of another name is NODATA", "www.example.org.", dns.TypeSOA, 0, "[SOA]"},
		{"a name server's address", "ns1.example.org.", dns.TypeA, 0, "192.0.2.53"},
		{"its other address", "ns1.example.org.", dns.TypeAAAA, 0, "2001:db8::53"},
		{"its other types are NODATA", "ns1.example.org.", dns.TypeTXT, 0, "[SOA]"},
		{"a name server without address exists", "bare.example.org.", dns.TypeA, 0, "[SOA]"},
		{"ANY gives one RRset", "www.example.org.", dns.TypeANY, 0, "192.0.2.1"},
		{"ANY of an IPv6 pool", "v6.example.org.", dns.TypeANY, 0, "2001:db8::3"},
		{"ANY of a name server", "ns1.example.org.", dns.TypeANY, 0, "192.0.2.53"},
		{"ANY of an empty non-terminal", "b.example.org.", dns.TypeANY, 0, "[SOA]"},
		{"all_down servfail", "dead.example.org.", dns.TypeA, dns.RcodeServerFailure, ""},
		{"all_down refused", "refused.example.org.", dns.TypeA, dns.RcodeRefused, ""},
		{"all_down nodata", "empty.example.org.", dns.TypeA, 0, "[SOA]"},
		{"all_down all", "last.example.org.", dns.TypeA, 0, "192.0.2.7"},
		{"a family that a dead pool lacks is NODATA", "dead.example.org.", dns.TypeAAAA, 0, "[SOA]"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			m, _ := ask(t, h, "203.0.113.1", query(tc.name, tc.qtype))
			if m == nil {
				t.Fatal("no reply was written")
			}
			if got := data(m); got != tc.want || m.Rcode != tc.rcode {
				t.Errorf("got %s %q, want %s %q", dns.RcodeToString[m.Rcode], got, dns.RcodeToString[tc.rcode], tc.want)
			}
			if !m.Authoritative || m.RecursionAvailable || m.Question[0].Name != tc.name {
				t.Errorf("header or question is wrong: %v", m)
			}
			checkShape(t, m, tc.name)
		})
	}
}

// data sums a reply up.
func data(m *dns.Msg) string {
	var words []string
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			words = append(words, rr.A.String())
		case *dns.AAAA:
			words = append(words, rr.AAAA.String())
		case *dns.NS:
			words = append(words, rr.Ns)
		default:
			words = append(words, dns.TypeToString[rr.Header().Rrtype])
		}
	}
	for _, rr := range m.Ns {
		words = append(words, "["+dns.TypeToString[rr.Header().Rrtype]+"]")
	}
	return strings.Join(words, " ")
}

// checkShape checks what holds for every reply.
func checkShape(t *testing.T, m *dns.Msg, name string) {
	t.Helper()
	for _, rr := range m.Answer {
		if owner := rr.Header().Name; owner != strings.ToLower(name) {
			t.Errorf("owner %s, want %s", owner, strings.ToLower(name))
		}
		if rr.Header().Ttl != m.Answer[0].Header().Ttl {
			t.Errorf("TTLs differ: %v", m.Answer)
		}
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		if len(section) != cap(section) {
			t.Errorf("a shared section has room for %d records behind it", cap(section)-len(section))
		}
	}
	kind, _ := response.Typify(m, time.Now())
	switch {
	case len(m.Answer) > 0 && kind != response.NoError,
		m.Rcode == dns.RcodeNameError && kind != response.NameError,
		len(m.Answer) == 0 && m.Rcode == dns.RcodeSuccess && kind != response.NoData:
		t.Errorf("CoreDNS takes this for %s: %v", kind, m)
	}
	if len(m.Ns) == 1 && (m.Ns[0].Header().Ttl != 7 || m.Ns[0].(*dns.SOA).Minttl != 7) {
		t.Errorf("negative TTL: %v, want 7", m.Ns[0])
	}
}

func TestGlue(t *testing.T) {
	h := newTestHandler(t, zoneCorefile)
	m, _ := ask(t, h, "203.0.113.1", query("example.org.", dns.TypeNS))
	if got := fmt.Sprint(len(m.Extra), m.Extra[0].(*dns.A).A, m.Extra[1].(*dns.AAAA).AAAA); got != "2 192.0.2.53 2001:db8::53" {
		t.Errorf("glue: %s", got)
	}
	h = newTestHandler(t, zoneCorefile, block.Entry{Prefix: netip.MustParsePrefix("192.0.2.53/32"), Mode: block.Omit})
	m, _ = ask(t, h, "203.0.113.1", query("example.org.", dns.TypeNS))
	if len(m.Extra) != 1 {
		t.Errorf("a blocked address is in the glue: %v", m.Extra)
	}
	m, _ = ask(t, h, "203.0.113.1", query("ns1.example.org.", dns.TypeA))
	if data(m) != "[SOA]" {
		t.Errorf("a blocked name server is answered with: %v", m)
	}
}

// TestNameServerAtTheApex checks that the zone's own name can be a name server, whose address it then has.
func TestNameServerAtTheApex(t *testing.T) {
	h := newTestHandler(t, "healthlb {\nns example.org 192.0.2.53\npool www.example.org {\nmember 192.0.2.1\n}\n}")
	for qtype, want := range map[uint16]string{
		dns.TypeA: "192.0.2.53", dns.TypeAAAA: "[SOA]", dns.TypeNS: "example.org.", dns.TypeSOA: "SOA", dns.TypeANY: "192.0.2.53",
	} {
		if m, _ := ask(t, h, "203.0.113.1", query("example.org.", qtype)); data(m) != want {
			t.Errorf("%s: %s, want %s", dns.TypeToString[qtype], data(m), want)
		}
	}
}

func TestNotForUs(t *testing.T) {
	h := newTestHandler(t, zoneCorefile)
	chaos := query("www.example.org.", dns.TypeA)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	notify := query("example.org.", dns.TypeSOA)
	notify.Opcode = dns.OpcodeNotify
	for _, tc := range []struct {
		rule   string
		q      *dns.Msg
		rcode  int
		passed bool
	}{
		{"another class", chaos, dns.RcodeRefused, true},
		{"another opcode", notify, dns.RcodeNotImplemented, true},
		{"another zone", query("www.example.net.", dns.TypeA), dns.RcodeRefused, true},
		{"AXFR", query("example.org.", dns.TypeAXFR), dns.RcodeRefused, false},
		{"IXFR", query("example.org.", dns.TypeIXFR), dns.RcodeRefused, false},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			if m, rcode := ask(t, h, "203.0.113.1", tc.q); m != nil || rcode != tc.rcode {
				t.Errorf("without a next plugin: %s, %v; want %s", dns.RcodeToString[rcode], m, dns.RcodeToString[tc.rcode])
			}
			below := &handler{Next: test.NextHandler(dns.RcodeBadKey, nil), site: h.site}
			if _, rcode := ask(t, below, "203.0.113.1", tc.q); (rcode == dns.RcodeBadKey) != tc.passed {
				t.Errorf("with a next plugin: %s", dns.RcodeToString[rcode])
			}
		})
	}
}

func TestFallthrough(t *testing.T) {
	next := plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) { return dns.RcodeBadKey, nil })
	for _, tc := range []struct {
		rule   string
		line   string
		name   string
		qtype  uint16
		passed bool
	}{
		{"a pool's address is ours", "fallthrough", "www.example.org.", dns.TypeA, false},
		{"its other types too", "fallthrough", "www.example.org.", dns.TypeMX, false},
		{"a family it lacks too", "fallthrough", "v4.a.b.example.org.", dns.TypeAAAA, false},
		{"a wildcard's names too", "fallthrough", "x.wild.example.org.", dns.TypeMX, false},
		{"an apex pool's address is ours", "fallthrough", "example.org.", dns.TypeA, false},
		{"an apex pool's missing family is ours", "fallthrough", "example.org.", dns.TypeAAAA, false},
		{"the rest of the apex is not", "fallthrough", "example.org.", dns.TypeSOA, true},
		{"nor NS", "fallthrough", "example.org.", dns.TypeNS, true},
		{"empty non-terminals are not", "fallthrough", "b.example.org.", dns.TypeA, true},
		{"other names are not", "fallthrough", "nope.example.org.", dns.TypeA, true},
		{"name servers are not", "fallthrough", "ns1.example.org.", dns.TypeA, true},
		{"in other zones than those named, all is ours", "fallthrough sub.example.org", "nope.example.org.", dns.TypeA, false},
		{"in those named it is not", "fallthrough sub.example.org", "nope.sub.example.org.", dns.TypeA, true},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			h := newTestHandler(t, strings.Replace(zoneCorefile, "healthlb {", "healthlb {\n"+tc.line, 1))
			h.Next = next
			if _, rcode := ask(t, h, "203.0.113.1", query(tc.name, tc.qtype)); (rcode == dns.RcodeBadKey) != tc.passed {
				t.Errorf("passed on: %v, want %v", rcode == dns.RcodeBadKey, tc.passed)
			}
		})
	}
}

func subnet(family uint16, addr string, source, scope uint8) *dns.EDNS0_SUBNET {
	return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, Address: net.ParseIP(addr), SourceNetmask: source, SourceScope: scope}
}

const ecsCorefile = `healthlb {
	ecs 198.51.100.0/24 2001:db8:53::/48
	pool hash.example.org {
		policy hash
		answers 2
		member 192.0.2.1 2001:db8::1
		member 192.0.2.2 2001:db8::2
		member 192.0.2.3 2001:db8::3
		member 192.0.2.4 2001:db8::4
	}
	pool turn.example.org {
		member 192.0.2.1
	}
	pool dead.example.org {
		policy hash
		member 192.0.2.1 id down1
		member 192.0.2.2 id down2
	}
	pool deaf.example.org {
		ecs 203.0.113.5
		policy hash
		member 192.0.2.1
	}
}`

func TestClientSubnet(t *testing.T) {
	h := newTestHandler(t, ecsCorefile)
	const resolver, stranger = "198.51.100.7", "203.0.113.7"
	const none = "none"
	for _, tc := range []struct {
		rule   string
		source string
		name   string
		subnet *dns.EDNS0_SUBNET
		want   string // the subnet of the reply
	}{
		{"hash: the scope is the source prefix", resolver, "hash.example.org.", subnet(1, "10.1.2.0", 24, 0), "10.1.2.0/24/24"},
		{"hash: a shorter prefix is the scope", resolver, "hash.example.org.", subnet(1, "10.1.0.0", 16, 0), "10.1.0.0/16/16"},
		{"hash: a longer prefix counts up to the mask", resolver, "hash.example.org.", subnet(1, "10.1.2.3", 32, 0), "10.1.2.3/32/24"},
		{"hash: IPv6 up to its own mask", resolver, "hash.example.org.", subnet(2, "2001:db8:1:2::", 64, 0), "[2001:db8:1:2::]/64/56"},
		{"hash: no prefix at all", resolver, "hash.example.org.", subnet(1, "0.0.0.0", 0, 0), "0.0.0.0/0/0"},
		{"hash: not even a family", resolver, "hash.example.org.", subnet(0, "0.0.0.0", 0, 0), "0.0.0.0/0/0"},
		{"a believed resolver may speak IPv6", "2001:db8:53::1", "hash.example.org.", subnet(1, "10.1.2.0", 24, 0), "10.1.2.0/24/24"},
		{"round robin: all clients are alike", resolver, "turn.example.org.", subnet(1, "10.1.2.0", 24, 0), "10.1.2.0/24/0"},
		{"all down: all clients are alike", resolver, "dead.example.org.", subnet(1, "10.1.2.0", 24, 0), "10.1.2.0/24/0"},
		{"NODATA", resolver, "turn.example.org. MX", subnet(1, "10.1.2.0", 24, 0), "10.1.2.0/24/0"},
		{"NXDOMAIN", resolver, "nope.example.org.", subnet(1, "10.1.2.0", 24, 0), "10.1.2.0/24/0"},
		{"the SOA", resolver, "example.org. SOA", subnet(1, "10.1.2.0", 24, 0), "10.1.2.0/24/0"},
		{"a stranger is not believed, nor echoed", stranger, "hash.example.org.", subnet(1, "10.1.2.0", 24, 0), none},
		{"not even corrected", stranger, "hash.example.org.", subnet(1, "10.1.2.3", 24, 0), none},
		{"a pool's own list replaces the block's", resolver, "deaf.example.org.", subnet(1, "10.1.2.0", 24, 0), none},
		{"and is believed; where all members are named, all clients are alike", "203.0.113.5", "deaf.example.org.", subnet(1, "10.1.2.0", 24, 0), "10.1.2.0/24/0"},
		{"bits beyond the prefix", resolver, "hash.example.org.", subnet(1, "10.1.2.3", 24, 0), "FORMERR"},
		{"bits beyond an odd prefix", resolver, "hash.example.org.", subnet(2, "2001:db8:0:100::", 55, 0), "FORMERR"},
		{"a scope in a query", resolver, "hash.example.org.", subnet(1, "10.1.2.0", 24, 24), "FORMERR"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			name, qtype := tc.name, dns.TypeA
			if words := strings.Fields(tc.name); len(words) > 1 {
				name, qtype = words[0], dns.StringToType[words[1]]
			}
			m, rcode := ask(t, h, tc.source, query(name, qtype, tc.subnet))
			got := none
			if rcode == dns.RcodeFormatError {
				got = "FORMERR"
			} else if opt := m.IsEdns0(); opt != nil {
				for _, o := range opt.Option {
					if s, ok := o.(*dns.EDNS0_SUBNET); ok {
						got = s.String()
						if s.Family != tc.subnet.Family {
							t.Errorf("family %d, want %d", s.Family, tc.subnet.Family)
						}
					}
				}
			}
			if got != tc.want {
				t.Errorf("subnet %s, want %s", got, tc.want)
			}
		})
	}
}

// TestHashKey checks who gets the same members: those of one subnet, whichever resolver asks for them, and those of one source network.
func TestHashKey(t *testing.T) {
	h := newTestHandler(t, ecsCorefile)
	answerFor := func(source string, options ...dns.EDNS0) string {
		m, _ := ask(t, h, source, query("hash.example.org.", dns.TypeA, options...))
		return data(m)
	}
	differ := make(map[string]bool)
	for i := range 50 {
		client := subnet(1, fmt.Sprintf("10.%d.2.0", i), 24, 0)
		a := answerFor("198.51.100.7", client)
		if b := answerFor("198.51.100.99", client); a != b {
			t.Errorf("two resolvers get %s and %s for one client", a, b)
		}
		if b := answerFor("198.51.100.7", subnet(1, fmt.Sprintf("10.%d.2.200", i), 32, 0)); a != b {
			t.Errorf("two addresses of one /24 get %s and %s", a, b)
		}
		if b := answerFor(fmt.Sprintf("10.%d.2.77", i)); a != b {
			t.Errorf("a client gets %s by its resolver, and %s by itself", a, b)
		}
		differ[a] = true
	}
	if len(differ) < 4 {
		t.Errorf("50 clients get only %d different answers", len(differ))
	}
	if a, b := answerFor("198.51.100.7", subnet(1, "0.0.0.0", 0, 0)), answerFor("198.51.100.8"); a != b {
		t.Errorf("without a prefix the source counts: got %s and %s", a, b)
	}
}

func TestAllDownIsTold(t *testing.T) {
	h := newTestHandler(t, zoneCorefile)
	for name, want := range map[string]bool{"last.example.org.": true, "dead.example.org.": true, "empty.example.org.": true, "www.example.org.": false} {
		for _, edns := range []bool{true, false} {
			q := query(name, dns.TypeA)
			if edns {
				q.SetEdns0(1232, false)
			}
			m, _ := ask(t, h, "203.0.113.1", q)
			told := ""
			if opt := m.IsEdns0(); opt != nil && len(opt.Option) > 0 {
				told = opt.Option[0].String()
			}
			if (told == "0 (Other): (all_down)") != (want && edns) {
				t.Errorf("%s, EDNS %v: told %q", name, edns, told)
			}
		}
	}
}

// FuzzServeDNS gives the handler any message that the DNS library can read. It must not panic, and what it replies must be a reply to
// the question that can be sent.
func FuzzServeDNS(f *testing.F) {
	h := newTestHandler(f, strings.Replace(zoneCorefile, "healthlb {", "healthlb {\necs 0.0.0.0/0", 1))
	for _, q := range []*dns.Msg{
		query("www.example.org.", dns.TypeA), query("x.wild.example.org.", dns.TypeANY), query("example.org.", dns.TypeNS),
		query("nope.example.org.", dns.TypeTXT, subnet(1, "10.1.2.0", 24, 0)), query(".", dns.TypeSOA),
		query("last.example.org.", dns.TypeA, subnet(2, "2001:db8::", 56, 0)), query("\\000.wild.example.org.", dns.TypeA),
	} {
		wire, err := q.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		q := new(dns.Msg)
		if q.Unpack(wire) != nil || len(q.Question) != 1 { // CoreDNS answers these itself
			return
		}
		m, rcode := ask(t, h, "198.51.100.7", q)
		if m == nil {
			if rcode == dns.RcodeSuccess {
				t.Fatal("no reply, and no error")
			}
			return
		}
		if m.Id != q.Id || !m.Response || m.Question[0] != q.Question[0] {
			t.Fatalf("not a reply to %v: %v", q, m)
		}
		if _, err := m.Pack(); err != nil {
			t.Fatalf("cannot be sent: %v: %v", err, m)
		}
	})
}
