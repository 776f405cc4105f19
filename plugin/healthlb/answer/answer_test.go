package answer

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

// TestNotes: each note is an extended error of its own, in a fixed order, in the one OPT record of the reply.
func TestNotes(t *testing.T) {
	for notes, want := range map[Notes][]string{
		AllDown: {"all_down"}, Isolated: {"isolated"}, Stale: {"stale"}, AllDown | Stale: {"all_down", "stale"},
		AllDown | Isolated | Stale: {"all_down", "isolated", "stale"},
	} {
		for _, subnet := range []bool{false, true} {
			q := new(dns.Msg)
			q.SetQuestion("www.example.org.", dns.TypeA)
			r := NewReply(q)
			if subnet {
				r.AddOption(&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, Address: net.IPv4zero})
			}
			r.AddNotes(notes)
			wire, err := r.Msg.Pack()
			if err != nil {
				t.Fatal(err)
			}
			m := new(dns.Msg)
			if err := m.Unpack(wire); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, option := range m.IsEdns0().Option {
				if e, ok := option.(*dns.EDNS0_EDE); ok && e.InfoCode == dns.ExtendedErrorCodeOther {
					got = append(got, e.ExtraText)
				}
			}
			if !slices.Equal(got, want) || len(m.Extra) != 1 {
				t.Errorf("notes %b: the reply tells %v, want %v", notes, got, want)
			}
		}
	}
}

func TestSource(t *testing.T) {
	for _, tc := range []struct {
		rule string
		addr net.Addr
		want string
	}{
		{"UDP", &net.UDPAddr{IP: net.ParseIP("192.0.2.1"), Port: 53}, "192.0.2.1"},
		{"TCP", &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 53}, "2001:db8::1"},
		{"IPv4 on an IPv6 socket", &net.UDPAddr{IP: net.ParseIP("::ffff:192.0.2.1")}, "192.0.2.1"},
		{"a zone does not count", &net.UDPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "fe80::1"},
		{"an address inside another", wrapped{&net.UDPAddr{IP: net.ParseIP("192.0.2.1")}}, "192.0.2.1"},
		{"an address of another kind", text("192.0.2.1:53"), "192.0.2.1"},
		{"one that is none", text("/run/socket"), "invalid IP"},
		{"nothing", nil, "invalid IP"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			if got := Source(tc.addr).String(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

type wrapped struct{ net.Addr }

func (w wrapped) Unwrap() net.Addr { return w.Addr }

type text string

func (text) Network() string  { return "text" }
func (s text) String() string { return string(s) }

func TestKeyWithoutAddress(t *testing.T) {
	if NewClient(netip.Addr{}, nil).Key(24, 56) != 0 {
		t.Error("a client without address has a key")
	}
}

func TestNextSerial(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for _, tc := range []struct {
		rule       string
		prev, want uint32
	}{
		{"the first is the time", 0, 1700000000},
		{"later it is the time again", 1600000000, 1700000000},
		{"in one second it counts on", 1700000000, 1700000001},
		{"ahead of the time it counts on", 1700000500, 1700000501},
		{"0 is left out", 1<<32 - 1, 1700000000},
	} {
		if got := NextSerial(tc.prev, now); got != tc.want {
			t.Errorf("%s: after %d comes %d, want %d", tc.rule, tc.prev, got, tc.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		prev := rapid.Uint32Min(1).Draw(t, "prev")
		at := time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "now"), 0)
		if next := NextSerial(prev, at); next == 0 || int32(next-prev) <= 0 {
			t.Fatalf("%d is followed by %d", prev, next)
		}
	})
}

// FuzzReadSubnet gives any bytes as the data of a client subnet option. What is accepted is echoed as it came, but for the scope, and
// the scope is not longer than the prefix.
func FuzzReadSubnet(f *testing.F) {
	for _, data := range []string{
		"\x00\x01\x18\x00\x0a\x01\x02", "\x00\x01\x20\x00\x0a\x01\x02\x03", "\x00\x02\x38\x00\x20\x01\x0d\xb8\x00\x01\x00",
		"\x00\x00\x00\x00", "\x00\x01\x00\x00", "\x00\x01\x17\x00\x0a\x01\x02", "\x00\x01\x18\x18\x0a\x01\x02", "\x00\x03\x18\x00\x0a\x01\x02",
		"\x00\x01\x21\x00\x0a\x01\x02\x03\x04", "\x00\x01",
	} {
		f.Add([]byte(data), uint8(24))
	}
	f.Fuzz(func(t *testing.T, data []byte, scope uint8) {
		if len(data) > 65000 {
			return
		}
		q := new(dns.Msg)
		q.SetQuestion("www.example.org.", dns.TypeA)
		q.SetEdns0(1232, false)
		q.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: data}}
		wire, err := q.Pack()
		if err != nil {
			t.Skip("cannot be sent")
		}
		query := new(dns.Msg)
		if query.Unpack(wire) != nil {
			return // CoreDNS answers FORMERR before anybody is asked
		}
		subnet, err := ReadSubnet(query.IsEdns0())
		if err != nil {
			return
		}
		c := NewClient(netip.MustParseAddr("192.0.2.53"), subnet)
		c.Key(24, 56)
		r := NewReply(query)
		r.EchoSubnet(c, min(int(scope), c.KeyBits(24, 56)))
		if wire, err = r.Msg.Pack(); err != nil {
			t.Fatalf("the reply cannot be packed: %v", err)
		}
		reply := new(dns.Msg)
		if err := reply.Unpack(wire); err != nil {
			t.Fatalf("the reply cannot be read: %v", err)
		}
		asked, told := query.IsEdns0().Option[0].(*dns.EDNS0_SUBNET), reply.IsEdns0().Option[0].(*dns.EDNS0_SUBNET)
		if told.Family != asked.Family || told.SourceNetmask != asked.SourceNetmask || !told.Address.Equal(asked.Address) {
			t.Fatalf("asked %v, told %v", asked, told)
		}
		if told.SourceScope > asked.SourceNetmask || told.SourceScope > scope {
			t.Fatalf("asked %v, told %v", asked, told)
		}
	})
}

func TestSubnetTwice(t *testing.T) {
	opt := &dns.OPT{Option: []dns.EDNS0{
		&dns.EDNS0_SUBNET{Family: 1, Address: net.IPv4zero}, &dns.EDNS0_SUBNET{Family: 1, Address: net.IPv4zero},
	}}
	if s, err := ReadSubnet(opt); err == nil {
		t.Errorf("got %v, want an error", s)
	}
}

func TestRRset(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")}
	s := NewRRset("www.example.org.", addrs, TTLs{30, 5}, true)
	run := s.Run(2, 2, true)
	if run[0].(*dns.A).A.String() != "192.0.2.3" || run[1].(*dns.A).A.String() != "192.0.2.1" || run[0].Header().Ttl != 5 {
		t.Errorf("a run over the end: %v", run)
	}
	if cap(run) != 2 {
		t.Errorf("a run has room for %d more records", cap(run)-2)
	}
	list := make([]dns.RR, 2)
	if s.List([]int32{1, 0}, false, list); list[0].(*dns.A).A.String() != "192.0.2.2" || list[0].Header().Ttl != 30 {
		t.Errorf("a list: %v", list)
	}
	renamed := Renamed(run, "x.example.org.")
	if renamed[0].Header().Name != "x.example.org." || run[0].Header().Name != "www.example.org." {
		t.Errorf("renamed %v, original %v", renamed[0], run[0])
	}
}
