package healthlb

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics/vars"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/express"
	"example.org/healthlb/plugin/healthlb/pool"
)

// lanes are the express lanes of the process, by the addresses of CoreDNS's servers. Each outlives Corefiles, and is given another server to
// answer with by a reload.
type lanes struct {
	closing sync.WaitGroup // lanes

	mu sync.Mutex // guards at; held for no longer than it takes to look
	at map[string]*lane
}

type lane struct {
	*express.Lane
	sockets int
	of      *generation // whose server answers
}

// serve has a lane answer at the address of a server, which is about to begin. It does not wait.
func (l *lanes) serve(g *generation, server *dnsserver.Server) {
	sites := g.expressAt(server.Addr)
	sockets := 0
	for _, s := range sites {
		sockets = max(sockets, s.block.Express)
	}
	work := newExpressServer(server, g, sites, sockets)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.at[server.Addr]
	if now != nil && now.sockets == sockets {
		now.of = g
		now.Use(work)
		return
	}
	var before *express.Lane
	if now != nil {
		before = now.Lane
		l.close(now)
	}
	if l.at == nil {
		l.at = make(map[string]*lane)
	}
	addr := strings.TrimPrefix(server.Addr, transport.DNS+"://")
	l.at[server.Addr] = &lane{express.Open(addr, sockets, work, log.Warningf, before), sockets, g}
}

// close closes a lane, which may take as long as the queries under way that were handed on.
func (l *lanes) close(left *lane) { l.closing.Go(left.Close) }

// release closes the lanes that a generation has left behind, unless next, which may be nil, has servers that will take them over. When there is
// none, it waits until all is answered.
func (l *lanes) release(g, next *generation) {
	l.mu.Lock()
	for addr, lane := range l.at {
		if lane.of == g && (next == nil || next == g || len(next.expressAt(addr)) == 0) {
			l.close(lane)
			delete(l.at, addr)
		}
	}
	l.mu.Unlock()
	if next == nil {
		l.closing.Wait()
	}
}

// sockets returns how many sockets are at work at each address.
func (l *lanes) sockets() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := make(map[string]int, len(l.at))
	for addr, lane := range l.at {
		n[addr] = lane.Sockets()
	}
	return n
}

// expressAt returns the blocks with express that answer at the address of a server.
func (g *generation) expressAt(addr string) (sites []*site) {
	for _, s := range g.sites {
		if s.block.Express > 0 && slices.Contains(s.addresses(), addr) {
			sites = append(sites, s)
		}
	}
	return sites
}

// addresses returns those of the block's servers for plain DNS, as CoreDNS writes them.
func (s *site) addresses() (addrs []string) {
	for _, port := range s.block.Ports {
		for _, host := range s.server.ListenHosts {
			if addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, port)); err == nil {
				addrs = append(addrs, transport.DNS+"://"+addr.String())
			}
		}
	}
	return addrs
}

// expressServer answers at one address for the blocks there that say express.
type expressServer struct {
	sites   []*site
	counted []zoneCounters // by zone.number; nil: prometheus does not count here
}

// zoneCounters are CoreDNS's own counters of queries and replies for one zone.
type zoneCounters struct {
	requests  [2][2]prometheus.Counter // see express.Answered
	do        prometheus.Counter
	responses prometheus.Counter
}

func newExpressServer(server *dnsserver.Server, g *generation, sites []*site, sockets int) *express.Server {
	s := &expressServer{sites: sites}
	s.counted = make([]zoneCounters, len(g.zones))
	for _, site := range sites {
		if writer := countedAs(site.server.Handlers()); writer != "" {
			for _, z := range site.apices {
				s.counted[z.number] = newZoneCounters(server.Addr, z.apex, writer)
			}
		}
	}
	chain := func(w dns.ResponseWriter, r *dns.Msg) { // as dnsserver.Server.ServePacket has it
		ctx := context.WithValue(context.Background(), dnsserver.Key{}, server)
		server.ServeDNS(context.WithValue(ctx, dnsserver.LoopKey{}, 0), w, r)
	}
	answerer := func() express.Answerer {
		a := &expressAnswerer{expressServer: s}
		if sockets > 1 {
			a.tally = new(pool.Tally)
		}
		return a
	}
	return &express.Server{Answerer: answerer, Chain: dns.HandlerFunc(chain), Count: s.count, Panicked: expressPanicked, Zones: len(g.zones)}
}

// expressPanicked tells of a panic as CoreDNS's server does.
func expressPanicked(why any) {
	vars.Panic.Inc()
	panicked.Do(func() { log.Errorf("Recovered from panic in express: %v", why) })
}

var panicked = rate.Sometimes{First: 3, Interval: time.Minute}

// countedAs returns as whose the plugin prometheus counts replies: those of the plugin directly behind it. It is empty where that does not count.
func countedAs(handlers []plugin.Handler) string {
	i := slices.IndexFunc(handlers, func(h plugin.Handler) bool { return h.Name() == "prometheus" })
	if i < 0 || i+1 == len(handlers) {
		return ""
	}
	return handlers[i+1].Name()
}

func newZoneCounters(server, zone, writer string) (c zoneCounters) {
	const view = ""
	for family, number := range []string{"1", "2"} {
		for asked, qtype := range []string{"A", "AAAA"} {
			c.requests[family][asked] = vars.RequestCount.WithLabelValues(server, zone, view, "udp", number, qtype)
		}
	}
	c.do = vars.RequestDo.WithLabelValues(server, zone, view)
	c.responses = vars.ResponseRcode.WithLabelValues(server, zone, view, dns.RcodeToString[dns.RcodeSuccess], writer)
	return c
}

// expressAnswerer answers the queries of one socket.
type expressAnswerer struct {
	*expressServer
	hashes [express.BatchSize]uint64
	found  [express.BatchSize]match
	pools  [express.BatchSize]pool.Asking
	tally  *pool.Tally // nil: it is the only socket

	fetched uint64 // means nothing, but that what was fetched is not left out
}

// Find implements express.Answerer.
func (a *expressAnswerer) Find(queries []express.Query) {
	asking, hashes := a.pools[:0], a.hashes[:len(queries)]
	for i := range queries {
		hashes[i] = hashName(queries[i].Lower)
	}
	together := len(queries) >= worthFetching
	if together {
		for _, site := range a.sites {
			a.fetched += site.names.Load().packed.fetch(hashes)
		}
	}
	for i := range queries {
		q := &queries[i]
		a.found[i] = a.find(q.Lower, hashes[i])
		if nd := a.found[i].node; nd != nil && nd.pool != nil {
			asking = append(asking, pool.Asking{Pool: nd.pool, Family: familyOf(q)})
		}
	}
	if together {
		a.fetched += pool.Fetch(asking)
	}
}

// worthFetching is how many queries have to come together for what they need to be fetched first: fewer do not wait long for each other.
const worthFetching = 4

// find finds a name in wire form with a hash.
func (s *expressServer) find(name []byte, hash uint64) match {
	for _, site := range s.sites {
		names := site.names.Load()
		if m := names.findPacked(name, hash); m.zone != nil && !names.leaves(name) {
			return m
		}
	}
	return match{}
}

func familyOf(q *express.Query) pool.Family {
	if q.Type == dns.TypeAAAA {
		return pool.AAAA
	}
	return pool.A
}

// Answer implements express.Answerer: it answers for pools.
func (a *expressAnswerer) Answer(q *express.Query, i int, reply *answer.Packed) (answer.Notes, bool) {
	m := &a.found[i]
	if m.node == nil || m.node.pool == nil {
		return 0, false
	}
	p := m.node.pool
	if q.Subnet && contains(p.ECS, q.Client) || m.wildcard && p.Policy.ByName {
		return 0, false
	}
	q.Zone = m.zone.number
	return m.pack(reply, familyOf(q), pool.Query{Client: answer.NewClient(q.Client, nil)}, q.Now, a.tally)
}

// Flush implements express.Answerer.
func (a *expressAnswerer) Flush() { a.tally.Flush() }

// count adds to the metrics what the sockets have counted.
func (s *expressServer) count(c *express.Counts) {
	var answered uint64
	for number := range c.Answered {
		a := &c.Answered[number]
		var sum uint64
		for family := range a.ByType {
			for asked, n := range a.ByType[family] {
				sum += n
				if n > 0 && s.counted[number].responses != nil {
					s.counted[number].requests[family][asked].Add(float64(n))
				}
			}
		}
		if sum > 0 && s.counted[number].responses != nil {
			s.counted[number].do.Add(float64(a.DO))
			s.counted[number].responses.Add(float64(sum))
		}
		answered += sum
	}
	expressAnswered.Add(float64(answered))
	expressHandedOn.Add(float64(c.HandedOn))
	expressDropped.Add(float64(c.Dropped))
	expressRefused.Add(float64(c.Refused))
}

// findPacked does as find for a name in wire form with a hash.
func (n *names) findPacked(name []byte, hash uint64) match {
	if nd := n.packed.find(name, hash); nd != nil {
		return match{nd.zone, nd, false}
	}
	for len(name) > 1 {
		name = name[1+name[0]:]
		if nd := n.packed.find(name, hashName(name)); nd != nil {
			return match{nd.zone, nd.wildcard, nd.wildcard != nil}
		}
	}
	return match{}
}

// leaves says whether a name in wire form is in a zone of another server block inside one of these zones.
func (n *names) leaves(name []byte) bool {
	if len(n.others) == 0 {
		return false
	}
	for ; len(name) > 0; name = name[1+name[0]:] {
		if n.others[string(name)] {
			return true
		}
		if name[0] == 0 {
			break
		}
	}
	return false
}
