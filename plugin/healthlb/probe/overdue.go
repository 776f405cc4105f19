package probe

import "time"

// standsStill is how long the loop may be later than it said before it counts as stuck. Reports are given some milliseconds.
const standsStill = 5 * time.Second

// Overdue returns the targets whose probes are late by more than an interval: those that wait for one that should have begun by then, and
// those whose probe should have ended by then. When all is well that costs next to nothing.
//
// It works when the loop stands still, and when a Report never returns. It waits for no longer than a second; stalled says that it could
// find nothing out by then, or that the loop has not looked for due probes for seconds: no target's state can be believed.
func (s *Scheduler) Overdue(now time.Time) (late []*Entry, stalled bool) {
	if !s.lockWithin(time.Second) {
		return nil, true
	}
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	at := now.Sub(s.epoch)
	look := func(e *Entry, due time.Duration) {
		if due+e.target.Interval < at {
			late = append(late, e)
		}
	}
	// Nobody's interval is shorter, so that those due later than this need not be looked at.
	suspect := at - s.shortest
	s.waiting.before(suspect, func(e *Entry) { look(e, e.due) })
	s.first.before(suspect, look)
	for _, e := range s.flying {
		if !e.stopped {
			look(e, e.due)
		}
	}
	return late, s.alarm < at-standsStill
}

// lockWithin takes the lock, and returns false if it cannot be had in time.
func (s *Scheduler) lockWithin(most time.Duration) bool {
	for end := time.Now().Add(most); !s.mu.TryLock(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
