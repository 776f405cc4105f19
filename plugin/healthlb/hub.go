package healthlb

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/event"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/probe"
)

// theHub is the one of the process.
var theHub = newHub()

// hub owns what outlives a Corefile: the targets and their schedule, the blocks, the serials, the listeners. Generations come and go;
// it works while there is at least one.
type hub struct {
	log      *transitionLog
	events   *event.Log
	serials  serials
	troubles troubles
	blocks   atomic.Pointer[block.Set]
	current  atomic.Pointer[generation] // the generation that the endpoint and the metrics show

	isolating atomic.Pointer[isolating] // nil: isolation is off; changed with h.mu held
	stale     atomic.Int64              // how many targets are; see watchdog

	probing    sync.Mutex // held while a call has members probed: of many such calls, one at a time
	explaining sync.Mutex // held while an answer is explained, so that of many who ask one at a time takes a core

	applying sync.Mutex     // held while a block list is put into force, so that of two the later one stays
	expiries chan struct{}  // wakes the goroutine that ends blocks
	lapses   chan struct{}  // wakes the goroutine that ends registrations
	rollouts chan struct{}  // wakes the goroutine that goes on with rollouts
	leases   *leases        // of members that registered themselves
	stuck    rate.Sometimes // tells the log why rollouts cannot go on

	lanes lanes

	keeping sync.Mutex // guards kept beside mu, for those who only read it: they do not wait for a reload

	mu          sync.Mutex    // guards what follows; never held while waiting for a probe or a request
	generations []*generation // acquired, the oldest first
	scheduler   *probe.Scheduler
	targets     map[probe.Target]*target
	dirty       *dirty
	stop        chan struct{} // closed to end the hub's goroutines
	goroutines  sync.WaitGroup
	servers     map[string]*admin.Server // of the admin endpoints, by network and address
	kept        *kept                    // what came at run time; changed with h.keeping held too
	posting     *posting                 // who posts events; nil: nobody
	store       atomic.Pointer[openStore]
}

func newHub() *hub {
	return &hub{
		log: newTransitionLog(), events: event.NewLog(historyLength, time.Now()), serials: serials{after: afterFunc},
		expiries: make(chan struct{}, 1), lapses: make(chan struct{}, 1), rollouts: make(chan struct{}, 1), leases: newLeases(), kept: newKept(),
		stuck: rate.Sometimes{Interval: time.Minute},
	}
}

// acquire puts a generation to work beside those that are. It returns when the first round of probes is over. After an error nothing
// of the generation is left.
func (h *hub) acquire(g *generation) error {
	h.mu.Lock()
	waiting, err := h.start(g)
	var closers []func()
	switch {
	case err != nil:
		closers = h.drop(g)
	case h.current.Load() == nil:
		closers = h.commit(g)
	}
	h.mu.Unlock()
	runAll(closers)
	if err != nil {
		return err
	}

	await(waiting, g.firstRound(), nil)
	for _, p := range g.set.Load().sorted {
		h.rebuildSettled(p)
	}
	for _, z := range g.zones {
		h.serials.publish(z, time.Now())
	}
	close(g.isReady)
	return nil
}

// await waits until all first results are in, the time is over, or stop is closed.
func await(firsts []<-chan struct{}, limit time.Duration, stop <-chan struct{}) {
	deadline := time.After(limit)
	for _, first := range firsts {
		select {
		case <-first:
		case <-deadline:
			return
		case <-stop:
			return
		}
	}
}

// start sets all of a generation to work. It returns what is closed as the first results are in that have to be waited for. After an error the caller
// drops the generation. The caller holds h.mu.
func (h *hub) start(g *generation) (waiting []<-chan struct{}, err error) {
	if len(h.generations) == 0 {
		h.open()
	}
	h.generations = append(h.generations, g)
	if err := h.openStore(g); err != nil {
		return nil, err
	}
	if g.hook, err = newHook(g.process); err != nil {
		return nil, err
	}
	if err := h.listen(g); err != nil {
		return nil, err
	}
	if err := g.build(h, h.current.Load(), time.Now()); err != nil {
		return nil, err
	}
	for _, p := range g.set.Load().sorted {
		h.rebuild(p)
		waiting = append(waiting, h.watch(p, p.Slots())...)
	}
	h.rebuildGlue(g)
	h.follow(g)
	return waiting, nil
}

// open begins the hub's own work. The caller holds h.mu.
func (h *hub) open() {
	h.scheduler = probe.NewScheduler(probe.Options{OnLag: observeLag})
	h.targets = make(map[probe.Target]*target)
	h.servers = make(map[string]*admin.Server)
	h.dirty, h.stop = newDirty(), make(chan struct{})
	dirty, stop := h.dirty, h.stop
	h.goroutines.Go(func() { dirty.run(h.rebuildSettled, stop) })
	h.goroutines.Go(func() { h.expire(stop) })
	h.goroutines.Go(func() { h.lapse(stop) })
	h.goroutines.Go(func() { h.roll(stop) })
	h.goroutines.Go(newWatchdog(h, overdueOf(h.scheduler), stop).run)
}

// drop takes a generation out, and when it was the last one ends the hub's own work. What it returns is to be run without h.mu, which
// the caller holds.
func (h *hub) drop(g *generation) (closers []func()) {
	i := slices.Index(h.generations, g)
	if i < 0 {
		return nil
	}
	h.generations = slices.Delete(slices.Clone(h.generations), i, i+1)
	if g.stop != nil {
		close(g.stop)
		closers = append(closers, func() { <-g.stopped })
	}
	if len(h.generations) == 0 {
		h.isolate(nil)
	}
	for _, p := range g.set.Load().sorted {
		h.retire(p)
	}
	if len(h.generations) > 0 {
		next := h.current.Load()
		if next == nil || next == g {
			next = h.generations[len(h.generations)-1]
		}
		return append(append(closers, h.commit(next)...), h.closeStore())
	}
	h.current.Store(nil)
	for key, server := range h.servers {
		closers = append(closers, h.unlisten(key, server))
	}
	close(h.stop)
	closers = append(closers, h.post(nil)...)
	return append(closers, h.scheduler.Close, h.goroutines.Wait, h.closeStore())
}

// commit makes a generation the one that counts. What it returns is to be run without h.mu, which the caller holds.
func (h *hub) commit(g *generation) (closers []func()) {
	h.isolate(g.process.Isolation)
	for _, p := range g.set.Load().sorted {
		p.Tell()
	}
	for _, z := range g.zones {
		h.serials.makeOfficial(z, time.Now())
	}
	if before := h.current.Swap(g); before != g {
		if before != nil {
			h.tellReload(g)
		}
		for _, warning := range g.warnings() {
			log.Warning(warning)
		}
	}
	wake(h.rollouts)
	return append(h.configure(g), h.post(g)...)
}

// release ends a generation.
func (h *hub) release(gs ...*generation) {
	h.mu.Lock()
	var closers []func()
	for _, g := range gs {
		closers = append(closers, h.drop(g)...)
	}
	h.mu.Unlock()
	for _, g := range gs {
		h.lanes.release(g, h.current.Load())
	}
	runAll(closers)
}

// atWork returns the generations at work, each complete.
func (h *hub) atWork() []*generation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.generations)
}

func runAll(fs []func()) {
	for _, f := range fs {
		f()
	}
}

// watch has the results of slots of a pool handed to it. It returns what is closed as the first results are in that have to be waited for. The caller
// holds h.mu.
func (h *hub) watch(p *livePool, slots []*pool.Slot) (waiting []<-chan struct{}) {
	for _, s := range slots {
		if first := h.subscribe(s, p); first != nil {
			waiting = append(waiting, first)
		}
	}
	return waiting
}

// rebuild makes a pool's snapshot anew, and again when members that fade in are due for more of their share.
func (h *hub) rebuild(p *livePool) {
	changed, fading := p.Rebuild(func() (pool.Around, time.Time) { return p.around(), time.Now() })
	now := time.Now()
	h.serials.changed(p.zone, changed, now)
	if fading && !p.fading.Swap(true) {
		p.later(&p.fading, p.FadeIn.Step())
	}
	if out, pending := p.nextLead(now); pending && !p.leading.Swap(true) {
		p.later(&p.leading, out.Sub(now))
	}
}

// later has a pool rebuilt after a while, and says in due that it was.
func (p *livePool) later(due *atomic.Bool, after time.Duration) {
	dirty := p.dirty
	time.AfterFunc(after, func() {
		due.Store(false)
		if !p.dropped.Load() {
			dirty.add(p)
		}
	})
}

// rebuildSettled is rebuild for a pool whose health has changed. One that waits for the first results of new members is left alone: it
// is rebuilt when they are in.
func (h *hub) rebuildSettled(p *livePool) {
	if !p.settling.Load() {
		h.rebuild(p)
	}
}

// setMembers gives a pool other members by its Corefile's files while it is at work. Until the first results of the new ones are in, or stop
// is closed, answers are those of before: else a pool whose members are all replaced would be all down for that moment.
func (h *hub) setMembers(g *generation, p *livePool, members []pool.Member, stop <-chan struct{}) {
	h.mu.Lock()
	if !slices.Contains(h.generations, g) {
		h.mu.Unlock()
		return
	}
	p.settling.Store(true)
	p.said = members
	waiting := h.changeMembers(g, p)
	h.mu.Unlock()

	await(waiting, p.firstRound(), stop)
	p.settling.Store(false)
	h.rebuild(p)
}
