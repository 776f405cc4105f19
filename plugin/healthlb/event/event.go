// Package event keeps what happened for those who look later, and tells those who look on.
package event

import (
	"sync"
	"sync/atomic"
	"time"

	"example.org/healthlb/api"
)

// Log is a bounded history of events that goes on. It is safe for concurrent use.
//
// Whoever reads takes no lock that is held for longer than it takes to look at a number, so that many readers, or one that is stopped
// in the middle, do not hold up those who tell. For that an event is never changed once it is in the ring, only replaced by a later one.
type Log struct {
	start time.Time
	first uint64                      // the number of the first event; at least 2, as 0 asks for all, and is not to be the newest
	ring  []atomic.Pointer[api.Event] // each event is at its number modulo the length; nil only before the first round
	next  atomic.Uint64               // the number of the next event; those before it are in the ring, or were replaced

	mu   sync.Mutex    // held by who adds to the ring; guards wake
	wake chan struct{} // closed by the next event; nil: nobody waits
}

// NewLog returns a history of at most so many events. Numbers begin at the time now, in microseconds since 1970, so that they go on
// rising when a process follows another, as long as it tells less than a million events a second. They are below 2^53, and so exact
// where numbers are float64 (JavaScript), until the year 2255.
func NewLog(size int, now time.Time) *Log {
	l := &Log{
		start: now.UTC(),
		first: uint64(max(2, now.UnixMicro())), // a clock that was never set may say anything
		ring:  make([]atomic.Pointer[api.Event], max(1, size)),
	}
	l.next.Store(l.first)
	return l
}

// Tell adds an event, and gives it its number, and the time if it has none. It never waits for anybody.
func (l *Log) Tell(e api.Event) {
	l.mu.Lock()
	if e.Time.IsZero() {
		e.Time = time.Now() // under the lock, so that times are in the order of numbers
	}
	e.Time = e.Time.UTC()
	e.ID = l.next.Load()
	l.slot(e.ID).Store(&e)
	l.next.Store(e.ID + 1)
	wake := l.wake
	l.wake = nil
	l.mu.Unlock()
	if wake != nil {
		close(wake)
	}
}

func (l *Log) slot(id uint64) *atomic.Pointer[api.Event] { return &l.ring[id%uint64(len(l.ring))] }

// Newest returns the number of the newest event, and the one before the first to come when there is none yet.
func (l *Log) Newest() uint64 { return l.next.Load() - 1 }

// Oldest returns the number of the oldest event that is kept, and that of the first to come when there is none yet.
func (l *Log) Oldest() uint64 {
	next := l.next.Load()
	return next - min(next-l.first, uint64(len(l.ring)))
}

// History returns the events with a larger number than after, in their order, as far as they are kept. If some are lost, complete is
// false, and the first event is a gap in their place. So it is also when after is a number of an earlier process, whose events are
// nobody's any more. 0 asks for all that are kept, which is always complete; a number that is still to come, for none.
func (l *Log) History(after uint64) (events []api.Event, complete bool) {
	return l.before(l.next.Load(), after)
}

// before is History as it was when next was the number of the next event, less what has been replaced since.
func (l *Log) before(next, after uint64) (events []api.Event, complete bool) {
	if after >= next-1 {
		return []api.Event{}, true
	}
	n := min(next-1-after, next-l.first, uint64(len(l.ring)))
	events = make([]api.Event, n+1) // one for a gap
	// From the newest down, as those who tell meanwhile replace from the oldest up: so there is no hole in what is found.
	found := n + 1 // where it begins
	for id := next - 1; found > 1; id-- {
		e := l.slot(id).Load()
		if e.ID != id {
			break
		}
		found--
		events[found] = *e
	}
	oldest := next - (n + 1 - found)
	if after == 0 || oldest == after+1 {
		return events[found:], true
	}
	events[found-1] = l.gap(oldest-1, events[found:])
	return events[found-1:], false
}

// gap returns the event that stands for those up to a number, before others. Its number lets who has seen it go on behind it.
func (l *Log) gap(id uint64, others []api.Event) api.Event {
	at := l.start
	if len(others) > 0 {
		at = others[0].Time
	}
	return api.Event{ID: id, Time: at, Type: "gap", Text: "events before this are lost: they are kept neither for long nor over a restart"}
}

// told returns what is closed when there is an event of that number: nil when there is already. It lasts until the next event.
func (l *Log) told(id uint64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next.Load() > id {
		return nil
	}
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return l.wake
}
