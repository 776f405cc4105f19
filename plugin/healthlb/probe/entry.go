package probe

import (
	"container/heap"
	"context"
	"time"
)

// Entry is a target in a Scheduler.
type Entry struct {
	scheduler *Scheduler
	target    Target
	check     Check
	report    Report

	due time.Duration // when the next probe should begin; changes only while the entry is in neither queue

	// Guarded by scheduler.mu:
	index   int                // in the heap; -1: not in it
	cancel  context.CancelFunc // of the probe in flight, if any
	bunched bool               // probed together with others up to now
	stopped bool
}

// Stop ends the probing of the target: a probe in flight is cancelled, and no result is handed to Report any more. A Report that was
// called before may still be running when Stop returns, and may even have its first instruction ahead of it: Stop does not wait, so that
// it can be called from a Report, and with locks held that a Report takes.
func (e *Entry) Stop() {
	s := e.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.stopped || s.closed {
		return
	}
	e.stopped = true
	s.targets--
	if e.index >= 0 {
		heap.Remove(&s.waiting, e.index)
	}
	if e.cancel != nil {
		e.cancel()
	}
}

// Next returns when the next probe is due; false while one runs, and when the target was stopped.
func (e *Entry) Next() (at time.Time, waits bool) {
	s := e.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.stopped || s.closed || e.index < 0 {
		return time.Time{}, false
	}
	return s.epoch.Add(e.due), true
}

// wait is how long to wait after a probe.
func (e *Entry) wait(confirm bool) time.Duration {
	if confirm {
		return e.target.Confirm
	}
	if e.bunched {
		e.bunched = false
		return e.within()
	}
	return time.Duration(float64(e.target.Interval) * (0.75 + 0.5*e.scheduler.jitter()))
}

// within is a wait of anything in (0, Interval].
func (e *Entry) within() time.Duration {
	return time.Duration(float64(e.target.Interval) * (1 - e.scheduler.jitter()))
}
