package healthlb

import (
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/probe"
)

// generation is all healthlb blocks of one Corefile, from its reading on until the next one has taken its place. While the servers
// change over, two generations are at work.
type generation struct {
	blocks  []*config.Block
	sites   []*site // one for each block
	process config.Process

	endpoint *endpoint // nil: none
	hook     *hook     // nil: none
	set      atomic.Pointer[poolSet]
	zones    []*zone
	stop     chan struct{} // ends what follows the files that the Corefile names
	stopped  chan struct{} // closed when it has ended

	isReady chan struct{} // closed when the first round is over
}

// livePool is a pool with what is needed to probe it.
type livePool struct {
	*pool.Pool
	config  *config.Pool
	runtime bool // it was made at run time
	site    *site
	zone    *zone
	around  func() pool.Around // what its answers depend on beside itself
	dirty   *dirty             // where it is added when a rebuild is due

	said    []pool.Member                         // the members that the Corefile and its files say; guarded by hub.mu
	sources atomic.Pointer[map[string]string]     // who added each of the other members, as the API tells it; by id
	drains  atomic.Pointer[map[string]pool.Drain] // by member id

	settling atomic.Bool   // waits for the first results of new members
	settled  chan struct{} // of a pool that took another one's place at run time: closed when it answers itself; else nil
	fading   atomic.Bool   // a rebuild is due for the members that fade in
	leading  atomic.Bool   // a rebuild is due for a drain whose lead ends
	dropped  atomic.Bool   // it is at work no more
}

func newGeneration() *generation {
	g := &generation{isReady: make(chan struct{})}
	g.set.Store(newPoolSet(nil))
	return g
}

// add takes a block in, and returns its site. It checks the block against the others.
func (g *generation) add(b *config.Block) (*site, error) {
	process, err := config.Combine(append(slices.Clone(g.blocks), b))
	if err != nil {
		return nil, err
	}
	g.process = process
	s := &site{zones: b.Zones, ready: g.ready, block: b}
	s.places.Store(b.Places)
	if b.GeoIP != "" {
		s.label = "geoip/" + b.GeoIP + "/code"
	}
	g.blocks, g.sites = append(g.blocks, b), append(g.sites, s)
	return s, nil
}

// ready says whether the first round of probes is over, for all blocks: the ready plugin asks only one of them.
func (g *generation) ready() bool {
	select {
	case <-g.isReady:
		return true
	default:
		return false
	}
}

// keeps says whether what comes at run time counts: there is a state directory to keep it in.
func (g *generation) keeps() bool { return g != nil && g.process.State != "" }

// build makes the pools, with what former knows of their members, and the names. The caller holds h.mu.
func (g *generation) build(h *hub, former *generation, now time.Time) error {
	times := make(map[string]int) // a zone may stand in several server blocks, for different views: each has a serial of its own
	var all []*livePool
	for i, b := range g.blocks {
		site := g.sites[i]
		site.apices = newZones(b)
		for _, apex := range b.Zones {
			z := site.apices[apex]
			times[apex]++
			z.key = apex + " " + strconv.Itoa(times[apex])
			z.number = len(g.zones)
			g.zones = append(g.zones, z)
		}
		for j := range b.Pools {
			p, err := h.newPool(g, site, &b.Pools[j], former.pool(b.Pools[j].Name), now)
			if err != nil {
				return err
			}
			all = append(all, p)
		}
	}
	g.set.Store(newPoolSet(all))
	if g.keeps() {
		all = append(all, h.runtimePools(g, former, now)...)
		g.set.Store(newPoolSet(all))
	}
	for _, site := range g.sites {
		site.rename(g.set.Load())
	}
	return nil
}

// pool returns a pool by its name; nil when there is none, or no generation.
func (g *generation) pool(name string) *livePool {
	if g == nil {
		return nil
	}
	return g.set.Load().byName[name]
}

// rename makes the names of the site anew, for the pools that there are.
func (s *site) rename(set *poolSet) {
	var own []*livePool
	for _, p := range set.sorted {
		if p.site == s {
			own = append(own, p)
		}
	}
	s.names.Store(newNames(s.block, s.apices, own))
}

// newPool makes a pool with what former, which may be nil, knows of its members. The caller holds h.mu.
func (h *hub) newPool(g *generation, s *site, c *config.Pool, former *livePool, now time.Time) (*livePool, error) {
	p := &livePool{config: c, site: s, zone: s.apices[c.Zone], dirty: h.dirty, said: c.Members}
	p.around = func() pool.Around {
		return pool.Around{Blocks: h.blocksOf(g), Places: s.places.Load(), Drains: p.drained(), Frozen: h.frozen(c)}
	}
	h.setDrains(g, p)
	spec := &c.Spec
	if members := h.membersOf(g, p); p.sources.Load() != nil {
		copied := c.Spec
		copied.Members, spec = members, &copied
	}
	var before *pool.Pool
	if former != nil {
		before = former.Pool
	}
	var err error
	p.Pool, err = pool.New(spec, before, now)
	return p, err
}

// targetOf returns what is probed for a slot.
func (p *livePool) targetOf(s *pool.Slot) (probe.Target, probe.Check) {
	check := p.config.Probes[s.Check]
	return probe.Target{
		Route: p.route(s.Probe), Check: check.Key(),
		Interval: p.config.Interval, Timeout: p.config.Timeout, Confirm: p.config.Confirm,
	}, check
}

// route returns how probes of the pool reach an address.
func (p *livePool) route(to netip.AddrPort) probe.Route {
	return probe.Route{To: to, From: p.config.Source[pool.FamilyOf(to.Addr())]}
}

// firstRound bounds the wait for the first results: the longest timeout and a second.
func (g *generation) firstRound() time.Duration {
	longest := time.Second
	for _, p := range g.set.Load().sorted {
		longest = max(longest, p.firstRound())
	}
	return longest
}

func (p *livePool) firstRound() time.Duration { return p.config.Timeout + time.Second }
