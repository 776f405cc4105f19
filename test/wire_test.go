package test

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// question is a query for one name and type.
func question(name string, qtype uint16) *dns.Msg {
	return new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
}

// withSubnet adds a client subnet to a query.
func withSubnet(m *dns.Msg, cidr string) *dns.Msg {
	prefix := netip.MustParsePrefix(cidr).Masked()
	family := uint16(1)
	if prefix.Addr().Is6() {
		family = 2
	}
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(prefix.Bits()), Address: prefix.Addr().AsSlice(),
	}}
	return m
}

// ask sends a query over UDP.
func (s *coredns) ask(t *testing.T, m *dns.Msg) *dns.Msg {
	t.Helper()
	return s.askOver(t, "udp", m)
}

func (s *coredns) askOver(t *testing.T, network string, m *dns.Msg) *dns.Msg {
	t.Helper()
	client := &dns.Client{Net: network, Timeout: 10 * time.Second, UDPSize: 4096}
	r, _, err := client.Exchange(m, "127.0.0.1:"+s.ports["dns"])
	must(t, err)
	return r
}

// send sends a packet as it is, and returns the reply to it.
func (s *coredns) send(t *testing.T, packet []byte) *dns.Msg {
	t.Helper()
	r := new(dns.Msg)
	must(t, r.Unpack(s.sendRaw(t, packet)))
	return r
}

// sendRaw is the same for a reply that is not to be read.
func (s *coredns) sendRaw(t *testing.T, packet []byte) []byte {
	t.Helper()
	conn, err := net.Dial("udp", "127.0.0.1:"+s.ports["dns"])
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = conn.Write(packet)
	must(t, err)
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	must(t, err)
	return buf[:n]
}

// firstAnswer asks until somebody answers, from before the port is open on.
func (s *coredns) firstAnswer(t *testing.T, name string) *dns.Msg {
	t.Helper()
	client := &dns.Client{Timeout: 200 * time.Millisecond}
	for deadline := time.Now().Add(pollFor); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if r, _, err := client.Exchange(question(name, dns.TypeA), "127.0.0.1:"+s.ports["dns"]); err == nil {
			return r
		}
		if isClosed(s.ended) {
			t.Fatalf("CoreDNS has ended:\n%s", s.log)
		}
	}
	t.Fatal("no answer")
	return nil
}

// addresses returns the addresses in an answer, sorted.
func addresses(m *dns.Msg) []string {
	addrs := []string{}
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			addrs = append(addrs, rr.A.String())
		case *dns.AAAA:
			addrs = append(addrs, rr.AAAA.String())
		}
	}
	slices.Sort(addrs)
	return addrs
}

// one asks for the A record of a name that is answered with one address.
func (s *coredns) one(t *testing.T, m *dns.Msg) string {
	t.Helper()
	addrs := addresses(s.ask(t, m))
	if len(addrs) != 1 {
		t.Fatalf("want one address for %s, got %v", m.Question[0].Name, addrs)
	}
	return addrs[0]
}
