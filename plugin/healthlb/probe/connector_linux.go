//go:build !386 && !s390x

package probe

import (
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"example.org/healthlb/plugin/healthlb/health"
)

// wakeGrain is how much later than due the loop may wake, so that several probes share a wake-up. At 200 probes a second most would have one
// of their own, and that costs more than the probe.
const wakeGrain = 5 * time.Millisecond

// mostWork is for how long the loop works before it lets other goroutines go first, so that queries do not wait for a first round.
const mostWork = 2 * time.Millisecond

// connecting is the connector of Linux: checks that only connect, and tripwires, are sockets in the loop's epoll, and the others goroutines.
type connecting struct {
	s       *Scheduler
	epoll   *epoll
	words   words
	flights []*flight        // by their number
	free    []*flight        // those that are not in use
	pending dueHeap[*flight] // those whose connection does not stand yet, by when it must
	slept   time.Duration    // when the loop has slept last, or let others go first
}

// flight is a connection that the loop makes or holds.
type flight struct {
	entry  *Entry // nil: it is not in use
	wire   *wire  // nil: it is a probe
	fd     uintptr
	number int32 // in flights
	use    int32 // counts how often it was used, see happened
	index  int32 // in pending; -1: not in it
	start  time.Duration
}

// place implements placed.
func (f *flight) place(index int) { f.index = int32(index) }

func newConnector(s *Scheduler, only bool) connector {
	if only {
		return newPortable(s)
	}
	p, err := newEpoll(s.now)
	if err != nil { // no descriptors are left, as the probes will say
		return newPortable(s)
	}
	return &connecting{s: s, epoll: p, words: make(words)}
}

func (*connecting) grain() time.Duration { return wakeGrain }
func (c *connecting) rouse()             { c.epoll.rouse() }

// runs implements connector.
func (*connecting) runs(e *Entry) bool {
	switch check := e.check.(type) {
	case staticCheck:
		return true
	case *tcpCheck:
		return check.onlyConnects() && connectable(e.target.Route)
	}
	return false
}

// begin implements connector.
func (c *connecting) begin(e *Entry, due time.Duration) {
	if !e.inLoop {
		c.s.spawn(e, due)
		return
	}
	start := c.s.now()
	c.s.onLag(start - due)
	if check, ok := e.check.(staticCheck); ok {
		c.report(e, check.Probe(c.s.ctx, e.target.Route), start)
		return
	}
	f, r := c.connect(e, nil, start)
	if f == nil {
		c.report(e, r, start)
		return
	}
	e.flight = f
}

// hold implements connector.
func (c *connecting) hold(w *wire) {
	f, r := c.connect(w.entry, w, c.s.now())
	if f == nil {
		c.s.wireEnded(w, endOfDial(r))
		return
	}
	w.flight = f
}

// connect begins a connection. It returns nil, and what came of it, if it has ended already.
func (c *connecting) connect(e *Entry, w *wire, start time.Duration) (*flight, Result) {
	fd, errno := connectSocket(e.target.Route, w != nil)
	if errno != 0 {
		return nil, c.words.of(errno, e.target.Route)
	}
	f := c.take()
	f.entry, f.wire, f.fd, f.start = e, w, fd, start
	if errno := c.epoll.control(syscall.EPOLL_CTL_ADD, fd, unix.EPOLLOUT|unix.EPOLLONESHOT, f.number, f.use); errno != 0 {
		c.give(f, true)
		return nil, inconclusive("cannot probe: " + errno.Error())
	}
	c.pending.push(start+e.target.Timeout, f)
	return f, Result{}
}

// take returns a flight that is not in use.
func (c *connecting) take() *flight {
	last := len(c.free) - 1
	if last < 0 {
		f := &flight{number: int32(len(c.flights)), index: -1}
		c.flights = append(c.flights, f)
		return f
	}
	f := c.free[last]
	c.free = c.free[:last]
	return f
}

// give closes the socket of a flight, with a reset if a connection may stand, and the flight is free for another use.
func (c *connecting) give(f *flight, stands bool) {
	if f.index >= 0 {
		c.pending.remove(int(f.index))
	}
	if stands {
		resetSocket(f.fd)
	} else {
		closeSocket(f.fd)
	}
	f.entry, f.wire = nil, nil
	f.use++
	c.free = append(c.free, f)
}

// drop implements connector.
func (c *connecting) drop(e *Entry) bool {
	f := e.flight
	if f == nil {
		return false
	}
	e.flight = nil
	c.give(f, true)
	return true
}

// release implements connector.
func (c *connecting) release(w *wire) {
	if w.flight != nil {
		c.endWire(w.flight, wireGivenUp)
	}
}

// sleep implements connector.
func (c *connecting) sleep(wait time.Duration) {
	now := c.s.now()
	if now-c.slept > mostWork {
		runtime.Gosched()
		c.slept = now
	}
	until := c.pending.due()
	if until != never {
		until += wakeGrain
	}
	if wait != never {
		until = min(until, now+wait)
	}
	events, slept := c.epoll.wait(until)
	if slept {
		c.slept = c.epoll.taken
	}
	for {
		for _, event := range events {
			c.happened(event)
		}
		if len(events) < len(c.epoll.events) {
			break
		}
		c.epoll.take()
		events = c.epoll.ready
	}
	// When the loop was held up, what has come meanwhile has come in time.
	for c.pending.due() <= c.epoll.taken {
		c.expired(c.pending.pop())
	}
}

// happened looks at what has come of a connection. An event of a flight's former use is none: a socket that was closed here may live on for a
// moment, and be connected, in a child of this process that has been forked and has not started its program yet.
func (c *connecting) happened(event syscall.EpollEvent) {
	if event.Fd < 0 { // none: the sleep has ended
		return
	}
	f := c.flights[event.Fd]
	if f.entry == nil || f.use != event.Pad {
		return
	}
	if f.wire != nil && f.index < 0 {
		c.endWire(f, wireTripped)
		return
	}
	var errno syscall.Errno
	if event.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		errno = socketError(f.fd)
	}
	if errno == 0 && connectedToItself(f.fd, f.entry.target.To) {
		errno = syscall.ECONNREFUSED // nobody listens there
	}
	switch {
	case f.wire == nil && errno == syscall.ETIMEDOUT:
		c.expired(f)
	case f.wire == nil:
		c.land(f, c.words.of(errno, f.entry.target.Route))
	case errno == 0:
		c.watch(f)
	default:
		c.endWire(f, endOfDial(c.words.of(errno, f.entry.target.Route)))
	}
}

// expired gives up a connection for which there is no more time.
func (c *connecting) expired(f *flight) {
	if f.wire != nil {
		c.endWire(f, wireFailed)
		return
	}
	c.land(f, timedOut(c.s.epoch.Add(f.start), f.entry.target.Timeout))
}

// land ends a probe.
func (c *connecting) land(f *flight, r Result) {
	e, start := f.entry, f.start
	e.flight = nil
	c.give(f, r.Outcome == health.Pass)
	c.report(e, r, start)
}

func (c *connecting) report(e *Entry, r Result, start time.Duration) {
	now := time.Now()
	r.Took = now.Sub(c.s.epoch) - start
	r.Start = now.Add(-r.Took) // and not from epoch: the clock may have been set since
	c.s.finish(e, r)
}

// watch has a wire that stands wait for its end. Nothing is read of it.
func (c *connecting) watch(f *flight) {
	c.pending.remove(int(f.index))
	events := uint32(unix.EPOLLRDHUP | unix.EPOLLONESHOT) // EPOLLERR and EPOLLHUP come unasked
	if c.epoll.control(syscall.EPOLL_CTL_MOD, f.fd, events, f.number, f.use) != 0 {
		c.endWire(f, wireGivenUp)
		return
	}
	c.s.wireHeld(f.wire)
}

// endWire closes a wire.
func (c *connecting) endWire(f *flight, how wireEnd) {
	w := f.wire
	w.flight = nil
	c.give(f, true)
	c.s.wireEnded(w, how)
}

// close implements connector.
func (c *connecting) close() {
	for _, f := range c.flights {
		if f.entry != nil {
			resetSocket(f.fd)
		}
	}
	c.epoll.close()
}
