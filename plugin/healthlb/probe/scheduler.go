package probe

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Options of a Scheduler. The zero value is good.
type Options struct {
	// MaxInFlight is how many probes run at once at most; 0: as many as file descriptors allow.
	MaxInFlight int

	// OnLag is told how much later than due each probe began. It is called from many goroutines.
	OnLag func(time.Duration)

	// Jitter returns numbers spread evenly over [0, 1); nil: at random. It is called by one goroutine at a time.
	Jitter func() float64
}

// Report takes the result of a probe, and says whether the next one should come after Target.Confirm instead of Target.Interval. It is
// called from the probe's goroutine, and holds one of the probes in flight until it returns.
type Report func(Result) (confirm bool)

// Scheduler runs the probes of many targets, each at its own pace. A target that waits is an entry in a heap; it has a goroutine only
// while its probe runs, and never two. So targets do not delay each other, unless MaxInFlight probes are running: then those that are
// due begin in the order in which they became due, as others end.
type Scheduler struct {
	max    int
	onLag  func(time.Duration)
	jitter func() float64

	epoch   time.Time          // due times are counted from here, on the monotonic clock
	ctx     context.Context    // of all probes; ends with Close
	end     context.CancelFunc // ends ctx
	rouse   chan struct{}      // tells the loop to look again; one pending word is enough
	running sync.WaitGroup     // the loop and the probes in flight

	mu       sync.Mutex    // guards what follows, and the entries' fields that say so
	waiting  dueHeap       // targets that have been probed, or need not be at once
	first    firstRound    // targets that wait for their first probe
	alarm    time.Duration // when the loop will look again by itself
	inFlight int
	starting int // of those in flight, how many have yet to get a processor
	targets  int
	closed   bool
}

// burst is how many probes are begun before the last burst has got a processor. When probing asks for more CPU than there is (a first
// round of thousands of TLS handshakes does), the next ones then wait here and are late, instead of all being under way and timing out
// because nobody has time to read the answers.
const burst = 64

// never is a due time that does not come.
const never = time.Duration(1<<63 - 1)

// NewScheduler returns a scheduler that runs until Close.
func NewScheduler(opts Options) *Scheduler {
	s := &Scheduler{
		max:    opts.MaxInFlight,
		onLag:  opts.OnLag,
		jitter: opts.Jitter,
		epoch:  time.Now(),
		rouse:  make(chan struct{}, 1),
		alarm:  never,
	}
	if s.max <= 0 {
		s.max = inFlightLimit(descriptors())
	}
	if s.onLag == nil {
		s.onLag = func(time.Duration) {}
	}
	if s.jitter == nil {
		s.jitter = rand.Float64
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.running.Go(s.loop)
	return s
}

// Add begins to probe a target. Interval, Timeout and Confirm must be positive.
//
// With first, nothing is known of the target, and its first probe comes as soon as the first round allows; the wait after that one is
// anything up to Interval, so that targets added together do not stay together. Without first, the first probe comes within Interval.
// Report may be called before Add returns.
func (s *Scheduler) Add(t Target, c Check, report Report, first bool) *Entry {
	e := &Entry{scheduler: s, target: t, check: c, report: report, bunched: first, index: -1}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		e.stopped = true
		return e
	}
	s.targets++
	if now := s.now(); first {
		s.first.add(e, now)
	} else {
		e.due = now + e.within()
		heap.Push(&s.waiting, e)
	}
	s.rouseIfSooner()
	return e
}

// Close stops all targets and returns when no goroutine of the scheduler is left. It must not be called from a Report, nor with a lock
// held that a Report takes.
func (s *Scheduler) Close() {
	s.mu.Lock()
	s.closed = true
	s.waiting, s.first, s.targets = nil, firstRound{}, 0
	s.mu.Unlock()
	s.end()
	s.running.Wait()
}

// InFlight returns how many probes are running.
func (s *Scheduler) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inFlight
}

// Len returns how many targets there are.
func (s *Scheduler) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.targets
}

func (s *Scheduler) now() time.Duration { return time.Since(s.epoch) }

// loop begins probes as they fall due.
func (s *Scheduler) loop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.rouse:
		case <-timer.C:
		}
		if wait := s.beginDue(); wait < never {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
	}
}

// beginDue begins the probes that are due, as far as there is room, and returns how long the loop may sleep.
func (s *Scheduler) beginDue() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for s.room() {
		e := s.takeDue(now)
		if e == nil {
			break
		}
		if e.stopped {
			continue
		}
		s.inFlight++
		s.starting++
		s.running.Go(func() { s.probe(e) })
	}
	s.alarm = never
	if s.room() {
		s.alarm = s.nextDue()
	}
	if s.alarm == never {
		return never
	}
	return s.alarm - now
}

// takeDue removes and returns the entry that has been due for longest; nil when none is due.
func (s *Scheduler) takeDue(now time.Duration) *Entry {
	first, later := s.first.due(), s.waiting.due()
	switch {
	case min(first, later) > now:
		return nil
	case first <= later:
		return s.first.take()
	default:
		return heap.Pop(&s.waiting).(*Entry)
	}
}

// room says whether another probe may begin.
func (s *Scheduler) room() bool { return s.inFlight < s.max && s.starting < burst }

func (s *Scheduler) nextDue() time.Duration { return min(s.first.due(), s.waiting.due()) }

// rouseIfSooner tells the loop when it would sleep past something that it can do.
func (s *Scheduler) rouseIfSooner() {
	if !s.room() || s.nextDue() >= s.alarm {
		return
	}
	select {
	case s.rouse <- struct{}{}:
	default:
	}
}

// probe runs one probe of a target, and reports it.
func (s *Scheduler) probe(e *Entry) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(s.ctx, e.target.Timeout)
	defer cancel()
	confirm := false
	if s.begun(e, cancel) {
		s.onLag(start.Sub(s.epoch) - e.due)
		result := e.ask(ctx)
		result.Start, result.Took = start, time.Since(start)
		if s.wanted(e) {
			confirm = e.report(result)
		}
	}
	s.ended(e, confirm)
}

// begun lets Stop cancel the probe from now on. It returns false if the target was stopped before.
func (s *Scheduler) begun(e *Entry, cancel context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.starting--; s.starting == 0 {
		s.rouseIfSooner()
	}
	e.cancel = cancel
	return !e.stopped && !s.closed
}

// wanted says whether a result may still be reported.
func (s *Scheduler) wanted(e *Entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !e.stopped && !s.closed
}

// ended lets the target wait for its next probe.
func (s *Scheduler) ended(e *Entry, confirm bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	e.cancel = nil
	if !e.stopped && !s.closed {
		e.due = s.now() + e.wait(confirm)
		heap.Push(&s.waiting, e)
	}
	s.rouseIfSooner()
}

// ask runs the check. A check that panics has found nothing out about the member.
func (e *Entry) ask(ctx context.Context) (r Result) {
	defer func() {
		if v := recover(); v != nil {
			r = inconclusive(fmt.Sprintf("cannot probe: the %s check panicked: %v", e.check.Kind(), v))
		}
	}()
	return e.check.Probe(ctx, e.target.Route)
}
