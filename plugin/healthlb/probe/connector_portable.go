package probe

import (
	"context"
	"time"
)

// portable runs each probe in a goroutine of its own.
type portable struct {
	s      *Scheduler
	roused chan struct{} // one pending word is enough
	timer  *time.Timer
}

func newPortable(s *Scheduler) *portable {
	return &portable{s: s, roused: make(chan struct{}, 1), timer: time.NewTimer(0)}
}

func (*portable) runs(*Entry) bool                    { return false }
func (p *portable) begin(e *Entry, due time.Duration) { p.s.spawn(e, due) }
func (*portable) drop(*Entry) bool                    { return false }
func (*portable) grain() time.Duration                { return 0 }
func (p *portable) close()                            { p.timer.Stop() }

func (p *portable) rouse() {
	select {
	case p.roused <- struct{}{}:
	default:
	}
}

func (p *portable) sleep(wait time.Duration) {
	if wait == never {
		<-p.roused
		return
	}
	p.timer.Reset(wait)
	select {
	case <-p.roused:
	case <-p.timer.C:
	}
}

// spawn runs a probe in a goroutine.
func (s *Scheduler) spawn(e *Entry, due time.Duration) {
	s.running.Go(func() { s.probe(e, due) })
}

// probe runs one probe of a target, and reports it.
func (s *Scheduler) probe(e *Entry, due time.Duration) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(s.ctx, e.target.Timeout)
	defer cancel()
	var result Result
	if s.begun(e, cancel) {
		s.onLag(start.Sub(s.epoch) - due)
		result = e.ask(ctx)
		result.Start, result.Took = start, time.Since(start)
	}
	s.finishNow(e, result)
}

// begun lets Stop cancel the probe from now on. It returns false if the target was stopped before.
func (s *Scheduler) begun(e *Entry, cancel context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.cancel = cancel
	if s.starting--; s.starting == 0 {
		s.rouseIfSooner()
	}
	return !e.stopped && !s.closed
}

// ask runs the check.
func (e *Entry) ask(ctx context.Context) Result { return Ask(ctx, e.check, e.target.Route) }
