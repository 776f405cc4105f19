package test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// expressBlock is a server block with express: its zone, the lines beside its healthlb block, and those in it.
func expressBlock(zone string, beside []string, lines ...string) string {
	return zone + ":{dns} {\n\tbind 127.0.0.1\n\terrors\n\t" + strings.Join(beside, "\n\t") + "\n\thealthlb {\n\t\t" + strings.Join(lines, "\n\t\t") +
		"\n\t\tcheck up\n\t}\n}\n"
}

const expressPool = "pool www.lb.example.org {\n member 127.71.1.1\n member 127.71.1.2 ::1\n}"

// atExpress waits until the responder has so many express sockets at work.
func (s *coredns) atExpress(t *testing.T, sockets int) {
	t.Helper()
	eventually(t, func() error {
		n, there := s.metrics(t)[`coredns_healthlb_express_sockets{server="dns://127.0.0.1:`+s.ports["dns"]+`"}`]
		return want(int(n) == sockets && (there || sockets == 0), "%g express sockets are at work", n)
	})
}

func (s *coredns) expressed(t *testing.T, result string) float64 {
	t.Helper()
	return s.metrics(t)[`coredns_healthlb_express_answers_total{result="`+result+`"}`]
}

func TestExpress(t *testing.T) {
	t.Parallel()
	s := startCoreDNS(t, expressBlock("lb.example.org", []string{"prometheus 127.0.0.1:{metrics}"}, "express 2", "ns ns1.lb.example.org 192.0.2.53", expressPool,
		"pool *.wild.lb.example.org {\n member 127.71.1.3\n}")+
		"sub.lb.example.org:{dns} {\n bind 127.0.0.1\n hosts {\n  192.0.2.99 www.sub.lb.example.org\n }\n}\n")
	s.atExpress(t, 2)

	t.Log("what it answers")
	must(t, s.dig(t, "www.lb.example.org").names("127.71.1.1", "127.71.1.2"))
	must(t, s.dig(t, "www.lb.example.org", "AAAA", "+dnssec").names("::1"))
	must(t, s.dig(t, "a.b.wild.lb.example.org").names("127.71.1.3"))
	must(t, s.dig(t, "x.wild.lb.example.org", "AAAA").isNegative("NOERROR", "lb.example.org."))
	r := s.ask(t, question("wWw.LB.example.org", dns.TypeA))
	check(t, want(r.Question[0].Name == "wWw.LB.example.org." && r.Answer[0].Header().Name == "www.lb.example.org.", "%v", r))
	eventually(t, func() error {
		return want(s.expressed(t, "answered") == 5, "%g are counted", s.expressed(t, "answered"))
	})

	t.Log("what it hands on")
	must(t, s.dig(t, "nobody.lb.example.org").isNegative("NXDOMAIN", "lb.example.org."))
	must(t, s.dig(t, "www.sub.lb.example.org").names("192.0.2.99"))
	must(t, want(s.dig(t, "www.example.net").status == "REFUSED", "another zone is not refused"))
	must(t, want(len(s.dig(t, "lb.example.org", "SOA").answer) == 1, "no SOA"))
	must(t, s.dig(t, "ns1.lb.example.org").names("192.0.2.53"))
	eventually(t, func() error {
		return want(s.expressed(t, "handed_on") == 5, "%g are counted", s.expressed(t, "handed_on"))
	})
	must(t, s.dig(t, "www.lb.example.org", "+tcp").names("127.71.1.1", "127.71.1.2"))
	must(t, want(s.expressed(t, "answered") == 5, "TCP has come there"))

	t.Log("CoreDNS's own counters have all of them")
	server := `server="dns://127.0.0.1:` + s.ports["dns"] + `",`
	for sample, want := range map[string]float64{
		`coredns_dns_requests_total{family="1",proto="udp",` + server + `type="A",view="",zone="lb.example.org."}`:    5,
		`coredns_dns_requests_total{family="1",proto="udp",` + server + `type="AAAA",view="",zone="lb.example.org."}`: 2,
		`coredns_dns_do_requests_total{` + server + `view="",zone="lb.example.org."}`:                                 1,
		`coredns_dns_responses_total{plugin="errors",rcode="NOERROR",` + server + `view="",zone="lb.example.org."}`:   8, // CoreDNS names the plugin behind prometheus
		`coredns_healthlb_answers_total{pool="www.lb.example.org."}`:                                                  4,
	} {
		if got := s.metrics(t)[sample]; got != want {
			t.Errorf("%s is %g, want %g", sample, got, want)
		}
	}
}

// TestExpressIsRefused: what it would leave out is an error that says so.
func TestExpressIsRefused(t *testing.T) {
	t.Parallel()
	other := func(lines ...string) string {
		return "other.example.org:{dns} {\n bind 127.0.0.1\n whoami\n " + strings.Join(lines, "\n ") + "\n}\n"
	}
	for name, tc := range map[string]struct {
		corefile string
		words    []string
	}{
		"log":        {expressBlock("lb.example.org", []string{"log"}, "express", expressPool), []string{"Corefile:6: express: does not go with the plugin log: queries would not be logged"}},
		"acl":        {expressBlock("lb.example.org", []string{"acl {", "block", "}"}, "express", expressPool), []string{"plugin acl: clients that it keeps out"}},
		"cache":      {expressBlock("lb.example.org", []string{"cache"}, "express", expressPool), []string{"plugin cache, which would not see"}},
		"rewrite":    {expressBlock("lb.example.org", []string{"rewrite name a b"}, "express", expressPool), []string{"plugin rewrite: names would not"}},
		"view":       {expressBlock("lb.example.org", []string{"view a {", "expr true", "}"}, "express", expressPool), []string{"plugin view: each view"}},
		"shed":       {expressBlock("lb.example.org", nil, "express", expressPool) + other("shed"), []string{"plugin shed, which another server block at port"}},
		"tsig":       {expressBlock("lb.example.org", nil, "express", expressPool) + other("tsig {", "secret a. aaaa", "}"), []string{"plugin tsig, which another server block"}},
		"mapped":     {expressBlock("lb.example.org", nil, "express", expressPool) + "lb.example.org:{dns} {\n bind ::ffff:127.0.0.1\n view a {\nexpr true\n}\n whoami\n}\n", []string{"needs the zone lb.example.org. for itself"}},
		"twin":       {expressBlock("lb.example.org", nil, "express", expressPool) + "lb.example.org:{dns} {\n whoami\n}\n", nil},
		"one port":   {strings.Replace(expressBlock("lb.example.org", nil, "express", expressPool), "{dns} {", "{dns} two.example.org:{dns2} {", 1), []string{"needs all zones of the server block at each of its ports"}},
		"no DNS":     {expressBlock("grpc://lb.example.org", nil, "express", expressPool), []string{"is for plain DNS"}},
		"the number": {expressBlock("lb.example.org", nil, "express 65", expressPool), []string{"express 65: is no number of sockets", "from 1 to 64"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepare(t, tc.corefile).refusesToStart(t, tc.words...)
		})
	}
}

// TestExpressReloads reloads a hundred times under load: with other sockets, without, with other pools, and with a Corefile that is refused.
func TestExpressReloads(t *testing.T) {
	t.Parallel()
	metrics := []string{"prometheus 127.0.0.1:{metrics}"}
	corefiles := []string{
		expressBlock("lb.example.org", metrics, "state {dir}/state", "admin 127.0.0.1:{admin} token_file {dir}/token", "express 1", expressPool),
		expressBlock("lb.example.org", metrics, "state {dir}/state", "admin 127.0.0.1:{admin} token_file {dir}/token", "express 1", expressPool, "pool api.lb.example.org {\n member 127.71.1.9\n}"),
		expressBlock("lb.example.org", metrics, "state {dir}/state", "admin 127.0.0.1:{admin} token_file {dir}/token", "express 2", expressPool),
		expressBlock("lb.example.org", metrics, "state {dir}/state", "admin 127.0.0.1:{admin} token_file {dir}/token", expressPool),
	}
	for i := range corefiles {
		corefiles[i] += ordinaryOnly
	}
	s := prepare(t, corefiles[0])
	writeFile(t, s.dir+"/token", "operator-0123456789\n")
	s.launch(t)
	if !s.serves() {
		t.Fatalf("CoreDNS does not start:\n%s", s.log)
	}
	s.atExpress(t, 1)
	load := s.startLoad(t, "www.lb.example.org", operator, s.keepAlive("admin"))
	for i := range 100 {
		if i%10 == 9 {
			s.reloadFails(t, strings.Replace(corefiles[0], "express 1", "express 1\nconfrim 1s", 1), "confrim")
			continue
		}
		s.reload(t, corefiles[i%len(corefiles)])
		if i%len(corefiles) == 1 {
			must(t, s.dig(t, "api.lb.example.org").names("127.71.1.9"))
		}
	}
	s.reload(t, corefiles[0])
	s.atExpress(t, 1)
	load.goesOn(t)
	load.stop(t)
	t.Logf("%d queries, %g of them by express", load.queries.Load(), s.expressed(t, "answered"))
}

// TestExpressBesideAnother: a second process takes the address over, and nothing is lost. It goes on when the first one ends.
func TestExpressBesideAnother(t *testing.T) {
	t.Parallel()
	corefile := expressBlock("lb.example.org", []string{"prometheus 127.0.0.1:{metrics}"}, "state {dir}/state", "admin 127.0.0.1:{admin} token_file {dir}/token", "express 1", expressPool)
	first := prepare(t, corefile)
	writeFile(t, first.dir+"/token", "operator-0123456789\n")
	first.launch(t)
	if !first.serves() {
		t.Fatalf("CoreDNS does not start:\n%s", first.log)
	}
	first.atExpress(t, 1)
	second := prepare(t, strings.ReplaceAll(corefile, "{dns}", first.ports["dns"]))
	second.ports["dns"] = first.ports["dns"]
	writeFile(t, second.dir+"/token", "operator-0123456789\n")
	load := first.startLoad(t, "www.lb.example.org", operator, first.keepAlive("admin"), second.keepAlive("admin"))
	second.launch(t)
	if !second.serves() {
		t.Fatalf("CoreDNS does not start:\n%s", second.log)
	}
	second.atExpress(t, 1)
	load.goesOn(t)
	load.stop(t)
	first.stop(t) // which loses what has come to CoreDNS's own socket by then and was not read
	before := second.expressed(t, "answered")
	load = second.startLoad(t, "www.lb.example.org", operator, second.keepAlive("admin"))
	eventually(t, func() error { return want(second.expressed(t, "answered") > before+100, "the second is not asked") })
	load.goesOn(t)
	load.stop(t)
}

// TestExpressSaysTheSame sends packets, right ones and damaged ones, to two addresses, one of them with express.
func TestExpressSaysTheSame(t *testing.T) {
	t.Parallel()
	lines := []string{"ns ns1.lb.example.org 192.0.2.53", "ecs 192.0.2.0/24", expressPool, "pool *.wild.lb.example.org {\n member 127.71.1.3\n}",
		"pool one.lb.example.org {\n member 127.71.1.4\n}", "pool many.lb.example.org {\n answers all" + manyMembers(60) + "}"}
	plain := expressBlock("lb.example.org", []string{"prometheus 127.0.0.1:{metrics}"}, lines...)
	twin := startCoreDNS(t, plain+ordinaryOnly)
	s := startCoreDNS(t, strings.Replace(plain, "healthlb {", "healthlb {\nexpress 2", 1))
	s.atExpress(t, 2)
	var packets [][]byte
	for _, name := range []string{"www.lb.example.org", "WWW.lb.Example.org", "one.lb.example.org", "x.y.wild.lb.example.org", "many.lb.example.org", "nobody.lb.example.org", "lb.example.org",
		"ns1.lb.example.org", "www.example.net", `a\.b.wild.lb.example.org`, `a\000\255.wild.lb.example.org`} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSOA, dns.TypeNS, dns.TypeTXT, dns.TypeANY, dns.TypeDS, dns.TypeAXFR, 65535} {
			for _, form := range []func(m *dns.Msg){
				func(*dns.Msg) {}, func(m *dns.Msg) { m.SetEdns0(1232, false) }, func(m *dns.Msg) { m.SetEdns0(4096, true) },
				func(m *dns.Msg) { withSubnet(m, "10.1.2.0/24") }, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
				func(m *dns.Msg) { m.CheckingDisabled, m.RecursionDesired = true, false }, func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
				func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }, func(m *dns.Msg) { m.SetEdns0(1232, false).IsEdns0().SetVersion(1) },
				func(m *dns.Msg) { m.SetTsig("key.", dns.HmacSHA256, 300, 0) },
			} {
				m := question(name, qtype)
				form(m)
				packet, err := m.Pack()
				must(t, err)
				packets = append(packets, packet)
			}
		}
	}
	right := len(packets)
	random := rand.New(rand.NewPCG(7, 7))
	for range 20 * right {
		packet := bytes.Clone(packets[random.IntN(right)])
		for range random.IntN(3) {
			packet[2+random.IntN(len(packet)-2)] ^= 1 << random.IntN(8)
		}
		if random.IntN(10) == 0 {
			packet = packet[:12+random.IntN(len(packet)-12)]
		}
		packets = append(packets, packet)
	}
	a, b := replies(t, s, packets), replies(t, twin, packets)
	different := 0
	for i := range packets {
		// A reply may have been late, or the first of a pair.
		if a[i] == "" && b[i] != "" {
			a[i] = essence(t, s.sendRaw(t, packets[i]))
		}
		if b[i] == "" && a[i] != "" {
			b[i] = essence(t, twin.sendRaw(t, packets[i]))
		}
		if a[i] != b[i] && different < 5 {
			different++
			t.Errorf("%x:\nexpress  %s\nordinary %s", packets[i], a[i], b[i])
		}
	}
	t.Logf("%d packets; answered by express: %g, handed on %g, refused %g", len(packets), s.expressed(t, "answered"), s.expressed(t, "handed_on"), s.expressed(t, "refused"))
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\nmember 127.71.2.%d", i+1)
	}
	return b.String() + "\n"
}

// replies sends packets, and returns what came back for each: its essence, or nothing. Each has an id of its own while it is waited for.
func replies(t *testing.T, s *coredns, packets [][]byte) []string {
	t.Helper()
	conn, err := net.Dial("udp", "127.0.0.1:"+s.ports["dns"])
	must(t, err)
	defer conn.Close()
	got := make([]string, len(packets))
	const together = 50
	generation := func(first int) byte { return byte(first / together) }
	buf := make([]byte, 65536)
	for first := 0; first < len(packets); first += together {
		batch := packets[first:min(first+together, len(packets))]
		for i, packet := range batch {
			packet = bytes.Clone(packet)
			packet[0], packet[1] = generation(first), byte(i)
			_, err := conn.Write(packet)
			must(t, err)
		}
		// What gets no reply is known by this one, which does, and by time for those that were overtaken by it.
		last, err := question("www.lb.example.org", dns.TypeSOA).Pack()
		must(t, err)
		last[0], last[1] = generation(first), 255
		_, err = conn.Write(last)
		must(t, err)
		over := false
		for n := 0; ; {
			wait := 30 * time.Second
			if over {
				wait = 20 * time.Millisecond
			}
			must(t, conn.SetReadDeadline(time.Now().Add(wait)))
			size, err := conn.Read(buf)
			if os.IsTimeout(err) && over {
				break
			}
			must(t, err)
			if buf[0] != generation(first) {
				continue // a late one of a batch before
			}
			if buf[1] == 255 {
				over = true
				continue
			}
			got[first+int(buf[1])] = essence(t, buf[:size])
			if n++; n == len(batch) && over {
				break
			}
		}
	}
	return got
}

// essence is a reply as text, without its id, and with its records in order.
func essence(t *testing.T, reply []byte) string {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		return fmt.Sprintf("%v: %x", err, reply[2:])
	}
	m.Id, m.Compress = 0, false
	for _, rrs := range [][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range rrs {
			if soa, ok := rr.(*dns.SOA); ok {
				soa.Serial = 0
			}
		}
		slices.SortFunc(rrs, func(a, b dns.RR) int { return strings.Compare(a.String(), b.String()) })
	}
	if m.Truncated {
		m.Answer = m.Answer[:min(1, len(m.Answer))] // who is left out is a matter of turns
		for _, rr := range m.Answer {
			if a, ok := rr.(*dns.A); ok {
				a.A = net.IPv4zero
			}
		}
	}
	return fmt.Sprintf("%+v %v %v %v %v", m.MsgHdr, m.Question, m.Answer, m.Ns, m.Extra)
}
