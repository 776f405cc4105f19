package probe

import (
	"context"
	"time"
)

// Entry is a target in a Scheduler.
type Entry struct {
	scheduler *Scheduler
	target    Target
	check     Check
	listener  Listener
	inLoop    bool // the loop itself runs its probes

	// Guarded by scheduler.mu:
	stage   stage
	bunched bool               // probed together with others up to now
	stopped bool               //
	again   bool               // another probe shall follow the one in flight at once
	probed  bool               // there was a probe
	passed  bool               // the last probe passed
	alert   uint8              // so many probes more follow at the confirm time, though they pass
	index   int32              // in the heap of those that wait, or among those in flight
	due     time.Duration      // while it waits: when the next probe should begin; in flight: when the probe must have ended
	cancel  context.CancelFunc // ends the probe in flight, if a goroutine runs it
	wire    *wire              // nil: none is asked for

	flight *flight // the probe in flight, if the loop runs it; the loop's own
}

// stage is where an entry is.
type stage uint8

const (
	queued  stage = iota // in the first round, or nowhere any more
	waiting              // in the heap
	flying               // its probe runs
)

// place implements placed.
func (e *Entry) place(index int) { e.index = int32(index) }

// Target returns what is probed.
func (e *Entry) Target() Target { return e.target }

// Stop ends the probing of the target: a probe in flight is cancelled, its tripwire is closed, and no result is handed to Report any more.
// A Report that was called before may still be running when Stop returns, and may even have its first instruction ahead of it: Stop does
// not wait, so that it can be called from a Report, and with locks held that a Report takes.
func (e *Entry) Stop() {
	s := e.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.stopped || s.closed {
		return
	}
	e.stopped = true
	if s.targets--; s.targets == 0 {
		s.shortest = never
	}
	s.unwire(e)
	switch {
	case e.stage == waiting:
		s.waiting.remove(int(e.index))
		e.stage = queued
	case e.cancel != nil:
		e.cancel()
	case e.stage == flying && e.inLoop:
		s.dropped = append(s.dropped, e)
		s.rouse()
	}
}

// Next returns when the next probe is due; false while one runs, and when the target was stopped.
func (e *Entry) Next() (at time.Time, waits bool) {
	s := e.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.stage != waiting || s.closed {
		return time.Time{}, false
	}
	return time.Now().Add(e.due - s.now()), true
}

// Hasten has the target probed at once.
func (e *Entry) Hasten() {
	s := e.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	if !e.stopped && !s.closed {
		s.hasten(e)
	}
}

// wait is how long to wait after a probe.
func (e *Entry) wait(confirm bool) time.Duration {
	switch {
	case confirm:
		return e.target.Confirm
	case e.alert > 0:
		return min(e.target.Confirm, alertWait)
	}
	if e.bunched {
		e.bunched = false
		return e.within(e.interval())
	}
	return time.Duration(float64(e.interval()) * (0.75 + 0.5*e.scheduler.jitter()))
}

// interval is the time between two probes.
func (e *Entry) interval() time.Duration {
	if Static(e.check) {
		return max(e.target.Interval, staticInterval)
	}
	return e.target.Interval
}

// within is a wait of anything in (0, most].
func (e *Entry) within(most time.Duration) time.Duration {
	return time.Duration(float64(most) * (1 - e.scheduler.jitter()))
}
