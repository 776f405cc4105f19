package healthlb

import (
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/probe"
)

const (
	watchEvery    = time.Second            // between two looks, unless some interval is shorter than two of these
	watchOften    = 50 * time.Millisecond  // between two looks at least
	watchGrace    = 500 * time.Millisecond // beside the interval: any machine is busy for that long now and then
	watchRest     = 20                     // looks are a 20th of the time, so that where all is late they do not take what is lacking
	watchRestMost = 5 * time.Second
	watchCalm     = 5 * time.Second // without anything stale until it is told that it is over
)

// lateness is what the scheduler tells of probes that do not come.
type lateness struct {
	late    []probe.Target // those whose probes are late by more than their interval
	stalled bool           // it stands still: all are
}

// overdueOf returns what asks a scheduler. It answers within a second or so, whatever hangs.
func overdueOf(s *probe.Scheduler) func() lateness {
	return func() lateness {
		entries, stalled := s.Overdue(time.Now().Add(-watchGrace))
		l := lateness{stalled: stalled}
		for _, e := range entries {
			l.late = append(l.late, e.Target())
		}
		return l
	}
}

// watchdog looks whether probes come in time, and marks the slots of those that do not. A report may hang with the lock of its target held,
// and a reload that waits for that with the hub's; so it waits for none of these.
type watchdog struct {
	hub     *hub
	overdue func() lateness
	stop    <-chan struct{}

	marked  marks // those of the last look
	targets int   // how many there were when that could be told last
	episode episode
	quiet   rate.Sometimes // about the log
}

// episode is a time during which some target was stale.
type episode struct {
	begun time.Time // zero: there is none
	last  time.Time // when one was stale last
	most  int       // so many were at once
}

func newWatchdog(h *hub, overdue func() lateness, stop <-chan struct{}) *watchdog {
	return &watchdog{hub: h, overdue: overdue, stop: stop, quiet: rate.Sometimes{First: 4, Interval: time.Minute}}
}

// run looks again and again until w.stop is closed.
func (w *watchdog) run() {
	defer w.hub.stale.Store(0)
	for {
		began := time.Now()
		w.look(began)
		rest := max(w.period(), min(watchRest*time.Since(began), watchRestMost))
		select {
		case <-w.stop:
			return
		case <-time.After(rest):
		}
	}
}

// period is how long to wait between two looks: half of the shortest interval, within bounds.
func (w *watchdog) period() time.Duration {
	every := watchEvery
	for _, p := range w.hub.pools() {
		every = min(every, p.config.Interval/2)
	}
	return max(every, watchOften)
}

// look finds out what is stale now, and has done what follows.
func (w *watchdog) look(now time.Time) {
	l := w.overdue()
	n := len(l.late)
	if l.stalled {
		n = max(1, n, w.count())
	}
	w.hub.stale.Store(int64(n))
	if n > 0 || w.marked.any() {
		w.mark(l)
	}
	w.tell(l, n, now)
}

// count returns how many targets there are, or were when nobody held the lock.
func (w *watchdog) count() int {
	if w.hub.mu.TryLock() {
		w.targets = len(w.hub.targets)
		w.hub.mu.Unlock()
	}
	return w.targets
}

// marks are the targets whose slots are marked.
type marks struct {
	all  bool
	some map[probe.Target]bool
}

func (m marks) any() bool               { return m.all || len(m.some) > 0 }
func (m marks) has(t probe.Target) bool { return m.all || m.some[t] }

// mark marks the slots of what is late, takes the marks from those that were late before, and has the pools rebuilt for which that changes
// something. Slots that others have marked stay so.
func (w *watchdog) mark(l lateness) {
	before, now := w.marked, marks{l.stalled, make(map[probe.Target]bool, len(l.late))}
	for _, t := range l.late {
		now.some[t] = true
	}
	w.marked = now
	for _, p := range w.hub.pools() {
		w.hub.mark(p, before, now)
	}
}

// mark gives the slots of a pool their marks.
func (h *hub) mark(p *livePool, before, now marks) {
	changed := false
	for _, s := range p.Slots() {
		if t, _ := p.targetOf(s); now.has(t) || before.has(t) {
			changed = s.SetStale(now.has(t)) || changed
		}
	}
	if changed && !p.dropped.Load() {
		h.rebuildSettled(p)
	}
}

// What targets are, in events.
const (
	inTime = "in time"
	stale  = "stale"
)

// tell writes down that targets begin to be stale, and that none has been for a while.
func (w *watchdog) tell(l lateness, n int, now time.Time) {
	e := &w.episode
	switch {
	case n > 0 && e.begun.IsZero():
		*e = episode{now, now, n}
		text := fmt.Sprintf("Probes are late by more than an interval: %s. What is known of these members may be old", w.lateText(l, n))
		w.say(api.Event{Type: "stale", From: inTime, To: stale, Text: text})
	case n > 0:
		e.last, e.most = now, max(e.most, n)
	case !e.begun.IsZero() && now.Sub(e.last) >= watchCalm:
		text := fmt.Sprintf("Probes come in time again. Targets that were stale at once, at most: %d, for %v", e.most, e.last.Sub(e.begun).Round(time.Second))
		*e = episode{}
		w.say(api.Event{Type: "stale", From: stale, To: inTime, Text: text})
	}
}

// lateText says what is stale.
func (w *watchdog) lateText(l lateness, n int) string {
	if l.stalled {
		return fmt.Sprintf("the scheduler stands still, stale targets: all %d", n)
	}
	return fmt.Sprintf("stale targets: %d of %d, one of them at %s", n, max(n, w.count()), l.late[0].To)
}

func (w *watchdog) say(e api.Event) {
	w.hub.events.Tell(e)
	w.quiet.Do(func() { log.Warning(e.Text) })
}
