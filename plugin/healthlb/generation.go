package healthlb

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"example.org/healthlb/plugin/healthlb/block"
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

	endpoint *endpoint   // nil: none
	pools    []*livePool // in the order of their names
	byName   map[string]*livePool
	zones    []*zone
	stop     chan struct{} // ends what follows the members files
	stopped  chan struct{} // closed when it has ended

	isReady chan struct{} // closed when the first round is over
}

// livePool is a pool with what is needed to probe it.
type livePool struct {
	*pool.Pool
	config *config.Pool
	site   *site
	zone   *zone
	around func() pool.Around // what its answers depend on beside itself
	slots  []*pool.Slot
	dirty  *dirty // where it is added when a rebuild is due

	settling atomic.Bool // waits for the first results of new members
	fading   atomic.Bool // a rebuild is due for the members that fade in
	dropped  atomic.Bool // it is at work no more
}

func newGeneration() *generation {
	return &generation{byName: make(map[string]*livePool), isReady: make(chan struct{})}
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

// build makes the pools, with what former knows of their members, and the names. blocksOf tells the blocks in force for a generation.
func (g *generation) build(former *generation, blocksOf func(*generation) *block.Set, now time.Time) error {
	times := make(map[string]int) // a zone may stand in several server blocks, for different views: each has a serial of its own
	for i, b := range g.blocks {
		site := g.sites[i]
		around := func() pool.Around { return pool.Around{Blocks: blocksOf(g), Places: site.places.Load()} }
		pools := make(map[string]*pool.Pool, len(b.Pools))
		var live []*livePool
		for j := range b.Pools {
			p := &livePool{config: &b.Pools[j], site: site, around: around}
			var before *pool.Pool
			if former != nil {
				if f := former.byName[p.config.Name]; f != nil {
					before = f.Pool
				}
			}
			var err error
			if p.Pool, err = pool.New(&p.config.Spec, before, now); err != nil {
				return err
			}
			pools[p.Name], g.byName[p.Name] = p.Pool, p
			live = append(live, p)
		}
		names := newNames(b, pools)
		for _, p := range live {
			p.zone = names.nodes[p.Zone].zone
		}
		for _, apex := range b.Zones {
			z := names.nodes[apex].zone
			times[apex]++
			z.key = apex + " " + strconv.Itoa(times[apex])
			g.zones = append(g.zones, z)
		}
		site.names = names
		g.pools = append(g.pools, live...)
	}
	slices.SortFunc(g.pools, func(a, b *livePool) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// targetOf returns what is probed for a slot.
func (p *livePool) targetOf(s *pool.Slot) (probe.Target, probe.Check) {
	check := p.config.Probes[s.Check]
	return probe.Target{
		Addr: s.Probe, Check: check.Key(),
		Interval: p.config.Interval, Timeout: p.config.Timeout, Confirm: p.config.Confirm,
	}, check
}

// firstRound bounds the wait for the first results: the longest timeout and a second.
func (g *generation) firstRound() time.Duration {
	longest := time.Second
	for _, p := range g.pools {
		longest = max(longest, p.firstRound())
	}
	return longest
}

func (p *livePool) firstRound() time.Duration { return p.config.Timeout + time.Second }
