package healthlb

import (
	"sync"
	"time"

	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/probe"
)

// target is something that is probed, and the slots that want to know the results.
type target struct {
	kind  kindMetrics
	hub   *hub
	entry *probe.Entry
	first chan struct{} // closed when the first result is in

	mu    sync.Mutex // guards what follows; held while a result is handed to the slots
	slots map[*pool.Slot]*livePool
	last  *pool.Observation
	files fileTrouble
}

// report takes a result in. It returns whether any of the slots wants it confirmed soon.
func (t *target) report(r probe.Result) (confirm bool) {
	t.kind.observe(r)
	o := observationOf(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	for s, p := range t.slots {
		confirm = t.hub.observe(s, p, o) || confirm
	}
	if t.last == nil {
		close(t.first)
	}
	t.last = &o
	t.files.look(t.hub)
	return confirm
}

func observationOf(r probe.Result) pool.Observation {
	o := pool.Observation{Outcome: r.Outcome, Reason: r.Reason, At: r.Start, Took: r.Took, Excused: r.Excused, NotAfter: r.NotAfter, Percent: -1}
	if r.Weight.Said {
		o.Percent = r.Weight.N
	}
	return o
}

// fileTrouble is why the files that a target's check reads cannot be taken over any more.
type fileTrouble struct {
	check probe.Check
	text  string // empty: there is no trouble
}

// look asks the check. Of the many targets that may read a file, one tells the log.
func (f *fileTrouble) look(h *hub) {
	r, reloads := f.check.(probe.Reloader)
	if !reloads {
		return
	}
	text := ""
	if err := r.ReloadError(); err != nil {
		text = err.Error()
	}
	if text == f.text {
		return
	}
	if h.troubles.change(f.text, text) {
		log.Warningf("A %s check goes on with the files as they were: %s", f.check.Kind(), text)
	}
	f.text = text
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

// observe hands a result to a slot, and has done what follows from it.
func (h *hub) observe(s *pool.Slot, p *livePool, o pool.Observation) (confirm bool) {
	confirm, changed := s.Observe(o)
	if changed != nil {
		if !changed.Twin {
			h.tellTransition(changed)
		}
		h.dirty.add(p)
	}
	return confirm
}

// subscribe has the results of a slot's target handed to it, and the target probed if it was not. It returns the target when its
// first result has to be waited for, else nil. The caller holds h.mu.
func (h *hub) subscribe(s *pool.Slot, p *livePool) *target {
	key, check := p.targetOf(s)
	t := h.targets[key]
	known := s.Known()
	if t == nil {
		t = &target{kind: newKindMetrics(check.Kind()), hub: h, first: make(chan struct{}), slots: map[*pool.Slot]*livePool{s: p}, files: fileTrouble{check: check}}
		h.targets[key] = t
		t.entry = h.scheduler.Add(key, check, t.report, !known)
		if known {
			return nil
		}
		return t
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slots[s] = p
	switch {
	case known:
		return nil
	case t.last != nil:
		h.observe(s, p, *t.last)
		return nil
	default:
		return t
	}
}

// nextProbe returns when a slot's target is probed next; nil while it is, and when that cannot be told without waiting for a reload.
func (h *hub) nextProbe(p *livePool, s *pool.Slot) *time.Time {
	key, _ := p.targetOf(s)
	if !h.mu.TryLock() {
		return nil
	}
	t := h.targets[key]
	h.mu.Unlock()
	if t == nil {
		return nil
	}
	if at, waits := t.entry.Next(); waits {
		at = millisecond(at)
		return &at
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
	t.mu.Lock()
	delete(t.slots, s)
	unwanted := len(t.slots) == 0
	if unwanted {
		h.troubles.change(t.files.text, "")
	}
	t.mu.Unlock()
	if unwanted {
		delete(h.targets, key)
		t.entry.Stop()
	}
}
