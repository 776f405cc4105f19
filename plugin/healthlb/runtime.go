package healthlb

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/state"
)

// applyKept puts a change of what comes at run time into force, as the store's watch tells it: when it returns, queries are answered by
// it.
func (h *hub) applyKept(c state.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var t touched
	h.keeping.Lock()
	for _, k := range c.Keys {
		if err := h.kept.take(k, &t); err != nil {
			log.Errorf("What was stored is left out: %v", err)
			continue
		}
		if k.Bucket == membersBucket {
			h.setLease(k.Key, time.Now())
		}
	}
	h.keeping.Unlock()
	h.apply(t)
}

// apply has all generations follow what has changed in h.kept. The caller holds h.mu.
func (h *hub) apply(t touched) {
	for _, g := range h.generations {
		if !g.keeps() {
			continue
		}
		for name := range t.pools {
			h.renewPool(g, name)
		}
		changed := make(map[*livePool]bool)
		for name := range t.drains {
			if p := g.pool(name); p != nil {
				h.setDrains(g, p)
				changed[p] = true
			}
		}
		for name := range t.members {
			if p := g.pool(name); p != nil {
				h.changeMembers(g, p)
				changed[p] = true
			}
		}
		for p := range changed {
			h.rebuild(p)
		}
	}
}

// membersOf returns the members of a pool: those that the Corefile and its files say, and those that came at run time, as far as they do
// not clash with these. The caller holds h.mu.
func (h *hub) membersOf(g *generation, p *livePool) []pool.Member {
	more := h.kept.members[p.config.Name]
	if len(more) > 0 && g.keeps() && !p.config.Dynamic {
		log.Warningf("Pool %s: members added at run time are left out, as the pool does not say dynamic: %d", p.config.Name, len(more))
	}
	if len(more) == 0 || !g.keeps() || !p.config.Dynamic {
		p.sources.Store(nil)
		return p.said
	}
	all := slices.Clone(p.said)
	ids, addrs := make(map[string]bool, len(all)), make(map[netip.Addr]bool, len(all))
	for i := range all {
		ids[all[i].ID], addrs[all[i].V4], addrs[all[i].V6] = true, true, true
	}
	delete(addrs, netip.Addr{})
	sources := make(map[string]string, len(more))
	for _, id := range slices.Sorted(maps.Keys(more)) {
		m, err := p.config.Member(more[id].text(id))
		switch {
		case err != nil:
			log.Warningf("Pool %s: member %s, added at run time, is left out: %v", p.config.Name, id, err)
			continue
		case ids[m.ID] || addrs[m.V4] || addrs[m.V6]:
			log.Warningf("Pool %s: member %s, added at run time, is left out: the Corefile has its id or an address of it", p.config.Name, id)
			continue
		}
		all, sources[id] = append(all, m), more[id].source()
	}
	p.sources.Store(&sources)
	return all
}

// changeMembers gives a pool at work the members that it should have now. It returns what is closed as the first results are in that have to be waited
// for. The caller holds h.mu, and has the pool rebuilt.
func (h *hub) changeMembers(g *generation, p *livePool) (waiting []<-chan struct{}) {
	added, gone := p.SetMembers(h.membersOf(g, p), time.Now())
	waiting = h.watch(p, added)
	for _, s := range gone {
		h.unsubscribe(s, p)
	}
	return waiting
}

// runtimeSource returns who added a member that came at run time, as the API tells it; false for one that the
// Corefile or a file says, and when there is no pool.
func (p *livePool) runtimeSource(id string) (source string, found bool) {
	if p == nil {
		return "", false
	}
	if sources := p.sources.Load(); sources != nil {
		source, found = (*sources)[id]
	}
	return source, found
}

// source returns who added a member, as the API tells it.
func (p *livePool) source(index int, id string) string {
	if s, found := p.runtimeSource(id); found {
		return s
	}
	if index >= p.config.Own() {
		return "file"
	}
	return "corefile"
}

// setDrains tells a pool which of its members are drained. The caller holds h.mu.
func (h *hub) setDrains(g *generation, p *livePool) {
	if !g.keeps() {
		return
	}
	if drains := h.kept.drainsOf(p.config.Name); drains != nil {
		p.drains.Store(&drains)
	} else {
		p.drains.Store(nil)
	}
}

// drained returns the drains in force for the pool, by member id.
func (p *livePool) drained() map[string]pool.Drain {
	if drains := p.drains.Load(); drains != nil {
		return *drains
	}
	return nil
}

// nextLead returns when the next lead of a drain ends.
func (p *livePool) nextLead(now time.Time) (next time.Time, pending bool) {
	for _, d := range p.drained() {
		if d.Out.After(now) && (!pending || d.Out.Before(next)) {
			next, pending = d.Out, true
		}
	}
	return next, pending
}

// siteOf returns the block in which a pool can be made at run time: of those that say dynamic, the one with the longest zone that the
// name is in. nil: there is none.
func (g *generation) siteOf(name string) *site {
	for zone, ok := name, true; ok; zone, ok = parentOf(zone) {
		for _, s := range g.sites {
			if s.block.Dynamic && slices.Contains(s.block.Zones, zone) {
				return s
			}
		}
	}
	return nil
}

// runtimePools makes the pools that were made at run time before. Those that have no place in the new Corefile are left out. The caller
// holds h.mu.
func (h *hub) runtimePools(g, former *generation, now time.Time) (pools []*livePool) {
	for _, name := range slices.Sorted(maps.Keys(h.kept.pools)) {
		c, s, err := g.runtimePool(name, h.kept.pools[name].Lines)
		var p *livePool
		if err == nil {
			p, err = h.newPool(g, s, c, former.pool(name), now)
		}
		if err != nil {
			log.Warningf("Pool %s, made at run time, is left out: %v", name, err)
			continue
		}
		p.runtime = true
		pools = append(pools, p)
	}
	return pools
}

// runtimePool reads the lines of a pool made at run time. The caller holds h.mu.
func (g *generation) runtimePool(name string, lines []string) (*config.Pool, *site, error) {
	s := g.siteOf(name)
	if s == nil {
		return nil, nil, fmt.Errorf("no healthlb block with a zone that it is in says dynamic")
	}
	if p := g.pool(name); p != nil && !p.runtime {
		return nil, nil, fmt.Errorf("it is a pool of the Corefile, at %s", p.config.Where)
	}
	c, err := s.block.RuntimePool(name, lines)
	if err != nil {
		return nil, nil, err
	}
	c.Region = g.process.Region
	return &c, s, nil
}

// renewPool makes, changes or removes a pool at run time. One that takes another's place answers as that one did until its own first
// results are in. The caller holds h.mu.
func (h *hub) renewPool(g *generation, name string) {
	old := g.pool(name)
	if old != nil && !old.runtime {
		return
	}
	set, touched := g.set.Load(), []*site{}
	if old != nil {
		touched = append(touched, old.site)
	}
	var p *livePool
	if k, there := h.kept.pools[name]; there {
		c, s, err := g.runtimePool(name, k.Lines)
		if err == nil {
			p, err = h.newPool(g, s, c, old, time.Now())
		}
		if err != nil {
			log.Errorf("Pool %s, made at run time, is left out: %v", name, err)
			return
		}
		p.runtime = true
		touched = append(touched, s)
	}
	if p != nil {
		set = set.with(p)
	} else {
		set = set.without(name)
	}
	if p != nil {
		h.begin(p, old)
		if h.current.Load() == g {
			p.Tell()
		}
	}
	g.set.Store(set)
	for _, s := range slices.Compact(touched) {
		s.rename(set)
	}
	if old != nil {
		h.retire(old)
		if p == nil {
			h.serials.changed(old.zone, old.Retire(), time.Now())
		}
	}
}

// begin sets a pool to work that was made at run time, in the place of old, which may be nil. The caller holds h.mu.
func (h *hub) begin(p, old *livePool) {
	if old == nil {
		h.rebuild(p)
		h.watch(p, p.Slots())
		return
	}
	p.StandIn(old.Pool)
	p.settling.Store(true)
	p.settled = make(chan struct{})
	waiting, stop := h.watch(p, p.Slots()), h.stop
	h.goroutines.Go(func() { h.settle(p, waiting, stop) })
}

// settle waits for the first results of a pool that took another one's place, and then has it answer itself.
func (h *hub) settle(p *livePool, waiting []<-chan struct{}, stop <-chan struct{}) {
	await(waiting, p.firstRound(), stop)
	p.settling.Store(false)
	h.rebuild(p)
	close(p.settled)
}

// retire ends the probing for a pool that is at work no more. The caller holds h.mu.
func (h *hub) retire(p *livePool) {
	p.dropped.Store(true)
	for _, s := range p.Slots() {
		h.unsubscribe(s, p)
	}
}
