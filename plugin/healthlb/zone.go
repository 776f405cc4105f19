package healthlb

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/pool"
)

// infrastructureTTL is the TTL, in seconds, of NS records and of name servers' addresses. They change by reload and by block only; five
// minutes keep a blocked name server from living on in caches for hours, at a cost that resolvers do not notice.
const infrastructureTTL = 300

// zone is what stands at the apex of a zone.
type zone struct {
	apex   string
	number int    // among the generation's zones
	key    string // of its serial; see generation.build
	config config.SOA
	mname  string
	ns     []dns.RR
	glue   []*glue

	soa atomic.Pointer[soa]

	visible   uint64    // a hash of what the zone shows; see serials for the rest
	published published // the zero value: not yet
	official  bool
	waits     bool // for the end of this second, to be published
}

// soa is a zone's SOA record, alone.
type soa struct {
	rrs    []dns.RR
	packed []byte // in wire form
}

func newZone(apex string, b *config.Block) *zone {
	z := &zone{apex: apex, config: b.SOA, mname: apex}
	if len(b.NS) > 0 {
		z.mname = b.NS[0].Name
	}
	var seen maphash.Hash
	seen.SetSeed(visibleSeed)
	fmt.Fprintln(&seen, z.mname, b.SOA)
	for _, ns := range b.NS {
		hdr := dns.RR_Header{Name: apex, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: infrastructureTTL}
		z.ns = append(z.ns, &dns.NS{Hdr: hdr, Ns: ns.Name})
		fmt.Fprintln(&seen, ns.Name)
	}
	z.visible = seen.Sum64()
	if z.config.Mbox == "" {
		z.config.Mbox = dnsJoin("hostmaster", apex)
	}
	return z
}

var visibleSeed = maphash.MakeSeed()

// dnsJoin returns label.zone, for the root zone too.
func dnsJoin(label, zone string) string {
	if zone == "." {
		return label + "."
	}
	return label + "." + zone
}

// setSerial makes the zone's SOA record anew.
func (z *zone) setSerial(serial uint32) {
	c := z.config
	rr := answer.NewSOA(z.apex, z.mname, c.Mbox, serial, c.Refresh, c.Retry, c.Expire, c.Negative)
	z.soa.Store(&soa{[]dns.RR{rr}, answer.PackRR(rr)})
}

// negative makes a reply a negative one: NODATA, or NXDOMAIN where its rcode says so. Exactly the SOA stands in the authority section,
// as the dnssec plugin needs it.
func (z *zone) negative(r *answer.Reply) { r.Msg.Ns = clipped(z.soa.Load().rrs) }

// clipped returns the records without room behind them: others append to the sections of a reply, and these records are shared.
func clipped(rrs []dns.RR) []dns.RR { return rrs[:len(rrs):len(rrs)] }

// glue is the addresses of a name server in a zone, without those that are blocked.
type glue struct {
	name    string
	addrs   []netip.Addr
	rrs     [pool.Families]atomic.Pointer[[]dns.RR]
	visible uint64 // a hash of rrs
}

// rebuild leaves out the addresses that are blocked in all pools. It returns by how much the hash of what is left has changed.
func (g *glue) rebuild(blocks *block.Set) (changed uint64) {
	var allowed [pool.Families][]netip.Addr
	changed = -g.visible
	for _, addr := range g.addrs {
		if _, omitted := blocks.Omits(addr, ""); omitted {
			continue
		}
		f := pool.AAAA
		if addr.Is4() {
			f = pool.A
		}
		allowed[f] = append(allowed[f], addr)
		changed += maphash.String(visibleSeed, g.name+addr.String())
	}
	g.visible += changed
	for f, addrs := range allowed {
		set := answer.NewRRset(g.name, addrs, answer.TTLs{Normal: infrastructureTTL}, false)
		rrs := set.Run(0, set.Len(), false)
		g.rrs[f].Store(&rrs)
	}
	return changed
}

// of returns the records of one family.
func (g *glue) of(f pool.Family) []dns.RR { return *g.rrs[f].Load() }
