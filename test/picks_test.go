package test

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// picker asks many questions over one socket: a query is then so quick that thousands cost next to nothing.
type picker struct {
	t      *testing.T
	client dns.Client
	conn   *dns.Conn
}

func (s *coredns) picker(t *testing.T) *picker { return pickerAt(t, "127.0.0.1:"+s.ports["dns"]) }

func pickerAt(t *testing.T, addr string) *picker {
	t.Helper()
	p := &picker{t: t, client: dns.Client{Timeout: 10 * time.Second, UDPSize: 4096}}
	conn, err := p.client.Dial(addr)
	must(t, err)
	p.conn = conn
	t.Cleanup(func() { conn.Close() })
	return p
}

// ask asks for the addresses of a name, of a client in a subnet if that is not empty.
func (p *picker) ask(name string, qtype uint16, subnet string) *dns.Msg {
	p.t.Helper()
	m := question(name, qtype)
	if subnet != "" {
		withSubnet(m, subnet)
	}
	r, _, err := p.client.ExchangeWithConn(m, p.conn)
	must(p.t, err)
	return r
}

// named returns the addresses that an answer names, sorted; there must be some.
func (p *picker) named(name string, qtype uint16, subnet string) []string {
	p.t.Helper()
	r := p.ask(name, qtype, subnet)
	addrs := addresses(r)
	if r.Rcode != dns.RcodeSuccess || len(addrs) == 0 {
		p.t.Fatalf("%s %s for %q names no one:\n%v", name, dns.TypeToString[qtype], subnet, r)
	}
	return addrs
}

// a returns the A records of an answer as one string.
func (p *picker) a(name, subnet string) string {
	p.t.Helper()
	return strings.Join(p.named(name, dns.TypeA, subnet), " ")
}

// counts asks so many times for the A records, and returns how often each address was named.
func (p *picker) counts(name string, queries int) map[string]int {
	p.t.Helper()
	counts := map[string]int{}
	for range queries {
		for _, addr := range p.named(name, dns.TypeA, "") {
			counts[addr]++
		}
	}
	return counts
}

// each asks for so many clients, each in a subnet of its own, and returns whom each was named.
func (p *picker) each(name string, clients int) []string {
	p.t.Helper()
	got := make([]string, clients)
	for i := range got {
		got[i] = p.a(name, subnetOf(i))
	}
	return got
}

// subnetOf is the network of client number i.
func subnetOf(i int) string { return fmt.Sprintf("100.%d.%d.0/24", 64+i/256, i%256) }

// scope returns the ECS scope of an answer, -1 if there is none.
func scope(m *dns.Msg) int {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_SUBNET); ok {
				return int(e.SourceScope)
			}
		}
	}
	return -1
}

// tally counts equal strings.
func tally(all []string) map[string]int {
	counts := map[string]int{}
	for _, s := range all {
		counts[s]++
	}
	return counts
}

// explained is the answer to GET /v1/explain.
type explained struct {
	Name, Pool, Type, Client, Region, Without, Policy string
	AllDown                                           bool `json:"all_down"`
	Eligible                                          int
	MinUp                                             int `json:"min_up"`
	Draws                                             int
	Answer                                            struct {
		RCode     string
		TTL       int
		Addresses []string
		Scope     int `json:"ecs_scope"`
	}
	Members []explainedMember
}

type explainedMember struct {
	ID, Address string
	In          bool
	Stage, Why  string
	Share       float64
}

// explain asks why. more are further parameters.
func (s *coredns) explain(t *testing.T, name, client string, more ...string) explained {
	t.Helper()
	query := url.Values{"name": {name}, "client": {client}}
	for i := 0; i < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	return decode[explained](t, s.curl(t, "GET /v1/explain?"+query.Encode(), "").is(t, 200))
}

// member returns what is explained of a member.
func (e explained) member(t *testing.T, id string) explainedMember {
	t.Helper()
	i := slices.IndexFunc(e.Members, func(m explainedMember) bool { return m.ID == id })
	if i < 0 {
		t.Fatalf("no member %s in %+v", id, e)
	}
	return e.Members[i]
}

// names returns whom the answer would name, sorted.
func (e explained) names() string {
	slices.SortFunc(e.Answer.Addresses, func(a, b string) int { return strings.Compare(a, b) })
	return strings.Join(e.Answer.Addresses, " ")
}

// pickedDoc is what /v1/pools says of how members are picked.
type pickedDoc struct {
	Status, Policy, Prefer string
	FadeIn                 float64 `json:"fade_in_seconds"`
	Shard, Answers         int
	Families               []struct {
		Family   string
		Eligible int
		MinUp    int  `json:"min_up"`
		AllDown  bool `json:"all_down"`
	}
	Members []struct {
		ID, Region       string
		Weight, Priority int
		Addresses        []pickedAddress
	}
}

type pickedAddress struct {
	Address    string
	Eligible   bool
	Since      time.Time
	Fade       float64
	Configured float64 `json:"share_configured"`
	Served     float64 `json:"share_served"`
	Answers    int
	Load       *struct {
		Leases   float64
		Reported *float64
	}
}

func (s *coredns) pool(t *testing.T, name string) pickedDoc {
	t.Helper()
	return decode[pickedDoc](t, s.curl(t, "GET /v1/pools/"+name, "").is(t, 200))
}

// address returns what the pool says of an address.
func (d pickedDoc) address(t *testing.T, addr string) pickedAddress {
	t.Helper()
	for _, m := range d.Members {
		for _, a := range m.Addresses {
			if a.Address == addr {
				return a
			}
		}
	}
	t.Fatalf("no %s in %+v", addr, d)
	return pickedAddress{}
}

// block replaces the block list, whatever that does to the pools.
func (s *coredns) block(t *testing.T, addrs ...string) {
	t.Helper()
	for _, addr := range addrs {
		netip.MustParseAddr(addr)
	}
	s.curl(t, "PUT /v1/blocklist?force=1", strings.Join(addrs, "\n")).is(t, 200)
}

func itoa(i int) string { return strconv.Itoa(i) }
