package probe

import (
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// WireState is what a target's tripwire is doing.
type WireState uint8

const (
	WireOff     WireState = iota // none is asked for, or the target's check needs no TCP
	WireNone                     // there are too few descriptors for one; it is tried again after each probe
	WireWaiting                  // it is to be made: after the first probe, or when its back-off is over
	WireHeld                     // it stands

	WireStates = int(WireHeld) + 1 // how many states there are
)

// String returns off, none, waiting or held.
func (w WireState) String() string { return [...]string{"off", "none", "waiting", "held"}[w] }

// A tripwire that has ended is made again after wireBackoff at the earliest, the next time after twice as long, and so on up to
// wireBackoffMost; each with a jitter of a quarter, so that wires that ended together do not come back together. One that lived for
// wireSettled begins anew: servers that hang up on a client that says nothing do so after 20 s (Apache's mod_reqtimeout) or 60 s (nginx,
// HAProxy as shipped), and their wires should be down for a second, and not for most of the time.
const (
	wireBackoff     = time.Second
	wireBackoffMost = time.Minute
	wireSettled     = 15 * time.Second
)

// Wires whose targets have passed their first probe together are made within wireGap for each target, at most within wireSpread.
const (
	wireGap    = firstGap
	wireSpread = 2 * time.Second
)

// alertProbes is how many probes follow the one that a tripwire's end has started, though it passes, each after alertWait or the confirm
// time, whichever is shorter: a process that is killed may still accept connections for a moment, until its listener is closed as well. Of
// 33 servers that were killed, 4 still accepted the first probe, and none the second.
const (
	alertProbes = 2
	alertWait   = 50 * time.Millisecond
)

// A peer that is dead without a word is noticed by keep-alives after keepAliveIdle + keepAliveCount x keepAliveInterval.
const (
	keepAliveIdle     = time.Minute
	keepAliveInterval = 10 * time.Second
	keepAliveCount    = 3
)

// wire is the tripwire of a target: an idle connection whose end has the target probed at once.
type wire struct {
	entry *Entry

	// Guarded by scheduler.mu:
	state    WireState
	wired    bool          // it has a socket, or is about to get one
	off      bool          // it is not wanted any more
	index    int32         // in the heap of those that are to be made; -1: not in it
	backoff  time.Duration // how long it waits when it ends next
	earliest time.Duration // when it may be made
	since    time.Duration // when it was made

	// The loop's own:
	flight *flight // its connection, if the loop holds it
	cancel func()  // ends it, if a goroutine holds it
}

// place implements placed.
func (w *wire) place(index int) { w.index = int32(index) }

// Trippable says whether checks of a kind can have a tripwire: those that talk to their member over TCP.
func Trippable(kind string) bool {
	switch kind {
	case "tcp", "tls", "http", "https", "grpc", "agent":
		return true
	default:
		return false
	}
}

// SetTripwire asks for a tripwire of the target, or for none. Without a word there is none.
//
// A tripwire is an idle TCP connection to where the probes go, plain whatever the check. What happens to it says nothing by itself, but has
// the target probed at once when it is news: when the member, or the network, ends it, when it can no longer be made to a member whose last
// probe passed, and when it can be made to one whose last probe failed.
func (e *Entry) SetTripwire(on bool) {
	s := e.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
	case !on:
		s.unwire(e)
	case e.wire == nil && !e.stopped && Trippable(e.check.Kind()):
		e.wire = &wire{entry: e, state: WireWaiting, index: -1, backoff: wireBackoff}
		s.strung[WireWaiting]++
		if e.probed {
			s.stringWire(e)
			s.rouseIfSooner()
		}
	}
}

// Wire returns what the target's tripwire is doing.
func (e *Entry) Wire() WireState {
	s := e.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.wire == nil || s.closed {
		return WireOff
	}
	return e.wire.state
}

// Wires returns how many targets have a tripwire in each state.
func (s *Scheduler) Wires() [WireStates]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := s.strung
	counts[WireOff] = s.targets - counts[WireNone] - counts[WireWaiting] - counts[WireHeld]
	return counts
}

// set notes what a wire is doing.
func (s *Scheduler) set(w *wire, state WireState) {
	if !w.off {
		s.strung[w.state]--
		s.strung[state]++
	}
	w.state = state
}

// stringWire has the wire of an entry made, if it has one to be made.
func (s *Scheduler) stringWire(e *Entry) {
	w := e.wire
	if w == nil || w.wired || w.index >= 0 {
		return
	}
	at := max(s.now(), w.earliest)
	if e.bunched {
		at += e.within(min(wireSpread, time.Duration(s.targets)*wireGap))
	}
	s.wires.push(at, w)
}

// mayWire takes a place for a wire that is due. It returns false if it may not be made now.
func (s *Scheduler) mayWire(w *wire) bool {
	if s.wired >= s.limits.wires || s.wired+len(s.flying) >= s.limits.sockets {
		s.set(w, WireNone)
		return false
	}
	s.wired++
	w.wired = true
	s.set(w, WireWaiting)
	return true
}

// unwire gives up the wire of an entry.
func (s *Scheduler) unwire(e *Entry) {
	w := e.wire
	if w == nil {
		return
	}
	s.strung[w.state]--
	e.wire, w.off = nil, true
	switch {
	case w.index >= 0:
		s.wires.remove(int(w.index))
	case w.wired:
		s.released = append(s.released, w)
		s.rouse()
	}
}

// wireHeld notes that a wire stands.
func (s *Scheduler) wireHeld(w *wire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.set(w, WireHeld)
	w.since = s.now()
	if !w.off && !w.entry.passed {
		s.hasten(w.entry)
	}
}

// wireEnd is how a wire ended.
type wireEnd uint8

const (
	wireGivenUp wireEnd = iota // by this side, or for its own trouble
	wireTripped                // the other side ended it
	wireFailed                 // the other side could not be reached
)

// endOfDial returns how a wire ended that could not be made, by what a probe would say of it.
func endOfDial(r Result) wireEnd {
	if r.Outcome == health.Inconclusive {
		return wireGivenUp
	}
	return wireFailed
}

// wireEnded notes that a wire has ended, could not be made, or was closed since it was given up.
func (s *Scheduler) wireEnded(w *wire, how wireEnd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	w.wired = false
	s.wired--
	if !w.off {
		s.backOff(w)
		s.stringWire(w.entry)
		if how != wireGivenUp && w.entry.passed {
			s.hasten(w.entry)
		}
		if how == wireTripped {
			w.entry.alert = alertProbes
		}
	}
	s.rouseIfSooner()
}

// backOff has a wire that has ended wait.
func (s *Scheduler) backOff(w *wire) {
	now := s.now()
	if w.state == WireHeld && now-w.since >= wireSettled {
		w.backoff = wireBackoff
	}
	s.set(w, WireWaiting)
	w.earliest = now + time.Duration(float64(w.backoff)*(0.75+0.5*s.jitter()))
	w.backoff = min(2*w.backoff, wireBackoffMost)
}
