package probe

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// Options of a Scheduler. The zero value is good.
type Options struct {
	// MaxInFlight is how many probes run at once at most; 0: as many as file descriptors allow.
	MaxInFlight int

	// MaxSockets is how many sockets probes and tripwires have at most; 0: as many as file descriptors allow, see limitsOf. Tripwires get
	// half of them.
	MaxSockets int

	// OnLag is told how much later than due each probe began. It is called from many goroutines, and holds up other probes.
	OnLag func(time.Duration)

	// Jitter returns numbers spread evenly over [0, 1); nil: at random. It is called by one goroutine at a time.
	Jitter func() float64

	// Portable has every probe run in a goroutine of its own, by the means of the standard library, on Linux too.
	Portable bool
}

// Listener is told what the probes of a target find.
type Listener interface {
	// Report takes the result of a probe, and says whether the next one should come after Target.Confirm instead of Target.Interval. It holds
	// one of the probes in flight until it returns.
	Report(Result) (confirm bool)

	// Busy says whether Report would have to wait. Checks that only connect have no goroutine on Linux: their results are reported from the
	// one that begins all probes, and from one of its own only when the listener is busy.
	Busy() bool
}

// Report is a Listener that is never busy. It may wait for some milliseconds, but no longer.
type Report func(Result) (confirm bool)

// Report implements Listener.
func (r Report) Report(found Result) (confirm bool) { return r(found) }

// Busy implements Listener.
func (Report) Busy() bool { return false }

// Scheduler runs the probes of many targets, each at its own pace. A target that waits is an entry in a heap; it has a socket or a
// goroutine only while its probe runs, and never two. So targets do not delay each other, unless MaxInFlight probes are running: then
// those that are due begin in the order in which they became due, as others end.
//
// One goroutine, the loop, begins all probes. How they run from there is the connector's business.
type Scheduler struct {
	limits limits
	onLag  func(time.Duration)
	jitter func() float64

	epoch     time.Time          // due times are counted from here, on the monotonic clock
	ctx       context.Context    // of all probes in goroutines; ends with Close
	end       context.CancelFunc // ends ctx
	connector connector
	running   sync.WaitGroup // the loop, and the probes and tripwires in goroutines
	leaving   []departure    // those that the loop has taken and is about to begin; its own

	mu       sync.Mutex      // guards what follows, and the entries' and wires' fields that say so
	waiting  dueHeap[*Entry] // targets that have been probed, or need not be at once
	first    firstRound      // targets that wait for their first probe
	flying   []*Entry        // targets whose probe runs
	starting int             // of those, how many have a goroutine that has yet to get a processor
	dropped  []*Entry        // targets that were stopped while the loop ran their probe
	wires    dueHeap[*wire]  // tripwires that are to be made
	wired    int             // tripwires that have a socket
	strung   [WireStates]int // tripwires in each state
	released []*wire         // tripwires to be closed
	alarm    time.Duration   // when the loop will look again by itself
	shortest time.Duration   // no target has a shorter interval
	targets  int
	closed   bool
}

// departure is a probe, or a tripwire, that is due.
type departure struct {
	entry *Entry
	due   time.Duration
	wire  *wire // nil: it is a probe
}

// burst is how many probes are begun before the last burst has got a processor. When probing asks for more CPU than there is (a first
// round of thousands of TLS handshakes does), the next ones then wait here and are late, instead of all being under way and timing out
// because nobody has time to read the answers.
const burst = 64

// NewScheduler returns a scheduler that runs until Close.
func NewScheduler(opts Options) *Scheduler {
	s := &Scheduler{
		limits:   limitsOf(descriptors()),
		onLag:    opts.OnLag,
		jitter:   opts.Jitter,
		epoch:    time.Now(),
		alarm:    never,
		shortest: never,
	}
	if opts.MaxSockets > 0 {
		s.limits = limits{sockets: opts.MaxSockets, inFlight: opts.MaxSockets, wires: opts.MaxSockets / 2}
	}
	if opts.MaxInFlight > 0 {
		s.limits.inFlight = opts.MaxInFlight
	}
	if s.onLag == nil {
		s.onLag = func(time.Duration) {}
	}
	if s.jitter == nil {
		s.jitter = rand.Float64
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.connector = newConnector(s, opts.Portable)
	s.running.Go(s.loop)
	return s
}

// Add begins to probe a target. Interval, Timeout and Confirm must be positive.
//
// With first, nothing is known of the target, and its first probe comes as soon as the first round allows; the wait after that one is
// anything up to Interval, so that targets added together do not stay together. Without first, the first probe comes within Interval.
// Report may be called before Add returns.
func (s *Scheduler) Add(t Target, c Check, l Listener, first bool) *Entry {
	e := &Entry{scheduler: s, target: t, check: c, listener: l, bunched: first, index: -1}
	e.inLoop = s.connector.runs(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		e.stopped = true
		return e
	}
	s.targets++
	s.shortest = min(s.shortest, t.Interval)
	if now := s.now(); first {
		s.first.add(e, now)
	} else {
		s.await(e, now+e.within(t.Interval))
	}
	s.rouseIfSooner()
	return e
}

// Close stops all targets and returns when no goroutine of the scheduler is left. It must not be called from a Report, nor with a lock
// held that a Report takes.
func (s *Scheduler) Close() {
	s.mu.Lock()
	if !s.closed {
		s.rouse()
	}
	s.closed = true
	s.waiting, s.first, s.targets = nil, firstRound{}, 0
	s.wires, s.wired, s.strung, s.dropped, s.released = nil, 0, [WireStates]int{}, nil, nil
	s.mu.Unlock()
	s.end()
	s.running.Wait()
	s.mu.Lock()
	s.flying = nil
	s.mu.Unlock()
}

// InFlight returns how many probes are running.
func (s *Scheduler) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.flying)
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
	defer s.connector.close()
	for {
		wait, open := s.turn()
		if !open {
			return
		}
		s.connector.sleep(wait)
	}
}

// turn begins the probes and tripwires that are due, as far as there is room, and returns how long the loop may sleep. It returns false
// when the scheduler is closed.
func (s *Scheduler) turn() (wait time.Duration, open bool) {
	if s.takeOrders(); !s.take(&wait) {
		return 0, false
	}
	for i, d := range s.leaving {
		if d.wire != nil {
			s.connector.hold(d.wire)
		} else {
			s.connector.begin(d.entry, d.due)
		}
		s.leaving[i] = departure{}
	}
	s.leaving = s.leaving[:0]
	return wait, true
}

// take takes what is due, a burst at most, to be begun when the lock is free again. It sets how long the loop may sleep then.
func (s *Scheduler) take(wait *time.Duration) (open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for len(s.leaving) < burst && s.room() {
		e := s.takeDue(now)
		if e == nil {
			break
		}
		if e.stopped {
			continue
		}
		s.leaving = append(s.leaving, departure{entry: e, due: e.due})
		s.takeOff(e, now)
	}
	for len(s.leaving) < burst && s.wires.due() <= now {
		if w := s.wires.pop(); s.mayWire(w) {
			s.leaving = append(s.leaving, departure{wire: w})
		}
	}
	s.alarm = max(s.nextAlarm(), now)
	switch {
	case len(s.leaving) == burst:
		*wait = 0
	case s.alarm == never:
		*wait = never
	default:
		*wait = s.alarm - now
	}
	return !s.closed
}

// takeDue removes and returns the entry that has been due for longest; nil when none is due.
func (s *Scheduler) takeDue(now time.Duration) *Entry {
	first, later := s.first.due(), s.waiting.due()
	switch {
	case min(first, later) > now:
		return nil
	case first <= later:
		return s.first.take(now)
	default:
		return s.waiting.pop()
	}
}

// takeOff counts an entry among those in flight.
func (s *Scheduler) takeOff(e *Entry, now time.Duration) {
	e.stage, e.due, e.index = flying, now+e.target.Timeout, int32(len(s.flying))
	s.flying = append(s.flying, e)
	if !e.inLoop {
		s.starting++
	}
}

// land counts an entry no longer among those in flight.
func (s *Scheduler) land(e *Entry) {
	last := len(s.flying) - 1
	moved := s.flying[last]
	s.flying[e.index], moved.index = moved, e.index
	s.flying[last] = nil
	s.flying = s.flying[:last]
	e.stage, e.cancel, e.index = queued, nil, -1
}

// await has an entry wait for its next probe.
func (s *Scheduler) await(e *Entry, due time.Duration) {
	e.stage, e.due = waiting, due
	s.waiting.push(due, e)
}

// hasten has an entry probed at once.
func (s *Scheduler) hasten(e *Entry) {
	switch e.stage {
	case flying:
		e.again = true
	case waiting:
		if now := s.now(); now < e.due {
			e.due = now
			s.waiting.move(int(e.index), now)
			s.rouse()
		}
	}
}

// room says whether another probe may begin.
func (s *Scheduler) room() bool {
	n := len(s.flying)
	return n < s.limits.inFlight && n+s.wired < s.limits.sockets && s.starting < burst
}

// nextAlarm is when the loop has to look again, if nothing happens before.
func (s *Scheduler) nextAlarm() time.Duration {
	next := s.wires.due()
	if s.room() {
		next = min(next, s.first.due(), s.waiting.due())
	}
	if next == never {
		return never
	}
	return next + s.connector.grain()
}

// rouseIfSooner rouses the loop when it would sleep past something that it can do.
func (s *Scheduler) rouseIfSooner() {
	if next := s.nextAlarm(); next < s.alarm {
		s.alarm = next
		s.connector.rouse()
	}
}

// rouse has the loop look at once.
func (s *Scheduler) rouse() {
	s.alarm = min(s.alarm, s.now())
	s.connector.rouse()
}

// takeOrders carries out what others have ordered the loop to do.
func (s *Scheduler) takeOrders() {
	s.mu.Lock()
	dropped, released := s.dropped, s.released
	s.dropped, s.released = nil, nil
	s.mu.Unlock()
	for _, e := range dropped {
		if s.connector.drop(e) {
			s.finishNow(e, Result{Outcome: health.Inconclusive})
		}
	}
	for _, w := range released {
		s.connector.release(w)
	}
}

// finish reports the result of a probe that the loop runs, and has the target wait for its next one. Where the report would have to wait, a
// goroutine does.
func (s *Scheduler) finish(e *Entry, r Result) {
	if e.listener.Busy() {
		s.running.Go(func() { s.finishNow(e, r) })
		return
	}
	s.finishNow(e, r)
}

// finishNow reports the result of a probe, and has the target wait for its next one.
func (s *Scheduler) finishNow(e *Entry, r Result) {
	confirm := false
	if s.wanted(e) {
		confirm = e.listener.Report(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.land(e)
	if !e.stopped && !s.closed {
		e.probed, e.passed = true, r.Outcome == health.Pass
		s.stringWire(e)
		due := s.now()
		if !e.again || !e.passed { // what has failed is confirmed at its own pace
			due += e.wait(confirm)
			e.alert -= min(e.alert, 1)
		}
		e.again = false
		s.await(e, due)
	}
	s.rouseIfSooner()
}

// wanted says whether a result may still be reported.
func (s *Scheduler) wanted(e *Entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !e.stopped && !s.closed
}
