package healthlb

import (
	"sync"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/isolation"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/probe"
)

// target is something that is probed, and the slots that want to know the results. There may be 100,000, so it is kept small.
type target struct {
	hub   *hub
	kind  *kindMetrics
	check probe.Check
	entry *probe.Entry // guarded by hub.mu
	wires int          // how many of the slots ask for a tripwire; guarded by hub.mu

	mu      sync.Mutex // guards what follows; held while a result is handed to the slots
	wanted  wanters
	probed  chan struct{} // closed when the first result is in; nil: nobody waits for it
	known   bool          // it is
	last    pool.Observation
	files   string            // why the files that the check reads cannot be taken over; empty: there is no trouble
	guarded *isolation.Target // what the isolation guard knows of it; nil: nobody guards
	warned  warning
	told    time.Duration // when a probe last said something about the member, since started
}

// started is what times are counted from that must not jump when the clock is set.
var started = time.Now()

// Report implements probe.Listener: it takes a result in, and returns whether any of the slots wants it confirmed soon.
func (t *target) Report(r probe.Result) (confirm bool) {
	t.kind.observe(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.withheld(r) {
		t.told = r.Start.Add(r.Took).Sub(started)
		return false
	}
	t.last = observationOf(r)
	for s, p := range t.wanted.all() {
		confirm = t.observe(s, p, t.last) || confirm
	}
	t.markSilence()
	t.known = true
	if t.probed != nil {
		close(t.probed)
		t.probed = nil
	}
	t.lookAtFiles()
	t.lookAtCertificate()
	return confirm
}

// Busy implements probe.Listener. The lock of a pool is held for a while when its members change, and it has many.
func (t *target) Busy() bool {
	if !t.mu.TryLock() {
		return true
	}
	defer t.mu.Unlock()
	for s := range t.wanted.all() {
		if s.Busy() {
			return true
		}
	}
	return false
}

// markSilence makes the slots stale when probes have said nothing about the member for longer than an interval too long, since they could
// not be made: then it is no better than when they are late. The caller holds t.mu.
func (t *target) markSilence() {
	now := t.last.At.Add(t.last.Took).Sub(started)
	if t.last.Outcome != health.Inconclusive || !t.known {
		t.told = now
		return
	}
	for s, p := range t.wanted.all() {
		if late := 2*p.config.Interval + p.config.Interval/4 + p.config.Timeout; now-t.told > late && s.SetStale(true) {
			t.hub.dirty.add(p)
		}
	}
}

// await returns what is closed when the first result is in; nil when it is. The caller holds t.mu.
func (t *target) await() <-chan struct{} {
	if t.known {
		return nil
	}
	if t.probed == nil {
		t.probed = make(chan struct{})
	}
	return t.probed
}

func observationOf(r probe.Result) pool.Observation {
	o := pool.Observation{Outcome: r.Outcome, Reason: r.Reason, At: r.Start, Took: r.Took, Excused: r.Excused, NotAfter: r.NotAfter, Percent: -1}
	if r.Weight.Said {
		o.Percent = r.Weight.N
	}
	return o
}

// lookAtFiles asks the check whether it goes on with old files. Of the many targets that may read a file, one tells the log. The caller
// holds t.mu.
func (t *target) lookAtFiles() {
	r, reloads := t.check.(probe.Reloader)
	if !reloads || t.wanted.slot == nil {
		return
	}
	text := ""
	if err := r.ReloadError(); err != nil {
		text = err.Error()
	}
	if text == t.files {
		return
	}
	if t.hub.troubles.change(t.files, text) {
		log.Warningf("A %s check goes on with the files as they were: %s", t.check.Kind(), text)
	}
	t.files = text
}

// troubles counts who has which trouble.
type troubles struct {
	mu     sync.Mutex // guards counts
	counts map[string]int
}

// change notes that somebody who had the trouble from has the trouble to now, each perhaps none. It returns whether to is news.
func (t *troubles) change(from, to string) (news bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = make(map[string]int)
	}
	if t.counts[from]--; t.counts[from] <= 0 {
		delete(t.counts, from)
	}
	if to == "" {
		return false
	}
	t.counts[to]++
	return t.counts[to] == 1
}

// observe hands a result to a slot, has done what follows from it, and returns whether the next one should come soon. From a static check none
// comes for long, so that a hold-down would not end in time.
func (t *target) observe(s *pool.Slot, p *livePool, o pool.Observation) (confirm bool) {
	did := s.Observe(o)
	if did.Transition != nil && !did.Transition.Twin {
		t.hub.tellTransition(did.Transition)
	}
	if did.Rebuild {
		t.hub.dirty.add(p)
	}
	return did.Confirm || did.Held && probe.Static(t.check)
}

// subscribe has the results of a slot's target handed to it, and the target probed if it was not. It returns what is closed when the
// first result is in, if that has to be waited for, else nil. The caller holds h.mu.
func (h *hub) subscribe(s *pool.Slot, p *livePool) <-chan struct{} {
	key, check := p.targetOf(s)
	t := h.targets[key]
	known := s.Known()
	if t == nil {
		t = &target{kind: metricsOf(check.Kind()), hub: h, check: check}
		t.wanted.add(s, p)
		h.guard(t, key, p)
		var first <-chan struct{}
		if !known {
			first = t.await()
		}
		h.targets[key] = t
		t.entry = h.scheduler.Add(key, check, t, !known)
		t.wire(p, +1)
		return first
	}
	t.wire(p, +1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wanted.add(s, p)
	h.guard(t, key, p)
	static := probe.Static(t.check)
	if t.known && (!known || static && s.Waits()) {
		found := t.last
		if static {
			found.At = time.Now() // the next probe is far off, and would find just this
		}
		if confirm := t.observe(s, p, found); confirm && static {
			t.entry.Hasten()
		}
	}
	if known {
		return nil
	}
	return t.await()
}

// wire counts a slot of a pool that comes or goes among those who ask for a tripwire. The caller holds h.mu.
func (t *target) wire(p *livePool, n int) {
	if p.config.Tripwire {
		t.wires += n
		t.entry.SetTripwire(t.wires > 0)
	}
}

// entryOf returns the schedule of a slot's target; nil when there is none, and when that cannot be told without waiting for a reload.
func (h *hub) entryOf(p *livePool, s *pool.Slot) *probe.Entry {
	key, _ := p.targetOf(s)
	if !h.mu.TryLock() {
		return nil
	}
	defer h.mu.Unlock()
	if t := h.targets[key]; t != nil {
		return t.entry
	}
	return nil
}

// unsubscribe ends that, and the probing of a target that nobody asks about any more. The caller holds h.mu.
func (h *hub) unsubscribe(s *pool.Slot, p *livePool) {
	key, _ := p.targetOf(s)
	t := h.targets[key]
	if t == nil {
		return
	}
	t.wire(p, -1)
	t.mu.Lock()
	unwanted := t.wanted.remove(s)
	t.guarded.Leave(p.Name, time.Now())
	if unwanted {
		h.troubles.change(t.files, "")
		t.files = ""
	}
	t.mu.Unlock()
	if unwanted {
		delete(h.targets, key)
		t.entry.Stop()
	}
}

// tripwires counts the targets by what their tripwires are doing.
func (h *hub) tripwires() (counts [probe.WireStates]int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.scheduler != nil {
		counts = h.scheduler.Wires()
	}
	return counts
}
