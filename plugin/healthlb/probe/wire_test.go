package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

func TestTrippable(t *testing.T) {
	for kind, want := range map[string]bool{
		"tcp": true, "tls": true, "http": true, "https": true, "grpc": true, "agent": true,
		"dns": false, "exec": false, "up": false, "down": false, "": false,
	} {
		if got := Trippable(kind); got != want {
			t.Errorf("%s: got %v", kind, got)
		}
	}
}

// host is a member that keeps all connections open that last for longer than a probe.
type host struct {
	addr netip.AddrPort
	mu   sync.Mutex // guards open
	open []net.Conn
}

func newHost(t *testing.T) *host {
	h := new(host)
	h.addr = member(t, "127.0.0.1:0", func(conn net.Conn) {
		h.mu.Lock()
		h.open = append(h.open, conn)
		h.mu.Unlock()
		silent(conn)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.open = slices.DeleteFunc(h.open, func(c net.Conn) bool { return c == conn })
	})
	return h
}

// held returns the connections that are open.
func (h *host) held() []net.Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.open)
}

// probed is a Report that counts.
type probed struct {
	n       atomic.Int64
	confirm atomic.Bool
	last    atomic.Pointer[Result]
}

func (p *probed) report(r Result) bool {
	p.last.Store(&r)
	p.n.Add(1)
	return p.confirm.Load()
}

func isHeld(e *Entry) func() bool { return func() bool { return e.Wire() == WireHeld } }

func TestTripwire(t *testing.T) {
	for name, end := range map[string]func(net.Conn){
		"FIN": func(conn net.Conn) { conn.(*net.TCPConn).CloseWrite() },
		"RST": func(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0); conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, opts Options) {
				t.Parallel()
				h := newHost(t)
				s := NewScheduler(opts)
				defer s.Close()
				var p probed
				e := s.Add(hourly(to(h.addr)), justConnect, Report(p.report), true)
				if got := e.Wire(); got != WireOff {
					t.Errorf("without being asked: %v", got)
				}
				e.SetTripwire(true)
				e.SetTripwire(true)
				until(t, "held", isHeld(e))
				if n := p.n.Load(); n != 1 {
					t.Fatalf("%d probes", n)
				}
				until(t, "one connection is held", func() bool { return len(h.held()) == 1 })

				end(h.held()[0])
				const all = 2 + alertProbes
				until(t, "probed at once, and again", func() bool { return p.n.Load() == all })
				until(t, "held again", isHeld(e))
				if r := p.last.Load(); r.Outcome != health.Pass {
					t.Errorf("got %v %q", r.Outcome, r.Reason)
				}

				e.SetTripwire(false)
				if got := e.Wire(); got != WireOff {
					t.Errorf("switched off: %v", got)
				}
				until(t, "none is held", func() bool { return len(h.held()) == 0 })
				if n := p.n.Load(); n != all {
					t.Errorf("%d probes: closing it ourselves has tripped it", n)
				}
				until(t, "its place is free", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.wired == 0 })
			})
		})
	}
}

// A server that is killed: the probe that the wire brings about fails, and Report's answer has the confirm probes follow.
func TestTripwireOfAServerThatIsKilled(t *testing.T) {
	eachWay(t, func(t *testing.T, opts Options) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		accepted := make(chan net.Conn, 10)
		go func() {
			defer close(accepted)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				accepted <- conn
			}
		}()
		s := NewScheduler(opts)
		defer s.Close()
		var p probed
		target := hourly(to(l.Addr().(*net.TCPAddr).AddrPort()))
		target.Confirm = 10 * time.Millisecond
		e := s.Add(target, justConnect, Report(p.report), true)
		e.SetTripwire(true)
		until(t, "held", isHeld(e))
		p.confirm.Store(true)
		l.Close()
		for conn := range accepted {
			conn.Close()
		}
		until(t, "confirmed", func() bool { return p.n.Load() >= 4 })
		if r := p.last.Load(); r.Outcome != health.Fail || r.Reason != "connection refused" {
			t.Errorf("got %v %q", r.Outcome, r.Reason)
		}
		if got := e.Wire(); got != WireWaiting {
			t.Errorf("of a server that is down: %v", got)
		}
	})
}

// A process that dies ends its connections before it stops to listen: the first probe may still pass.
func TestTripwireOfAServerThatDiesSlowly(t *testing.T) {
	eachWay(t, func(t *testing.T, opts Options) {
		h := newHost(t)
		s := NewScheduler(opts)
		defer s.Close()
		var p probed
		var down atomic.Bool
		target := hourly(to(h.addr))
		target.Confirm = 10 * time.Millisecond
		e := s.Add(target, tripping{func() Result {
			if down.Load() {
				return fail("connection refused")
			}
			down.Store(p.n.Load() >= 1) // once more it passes
			return Result{}
		}}, Report(p.report), true)
		e.SetTripwire(true)
		until(t, "held", isHeld(e))
		for _, conn := range h.held() {
			conn.Close()
		}
		until(t, "found", func() bool { r := p.last.Load(); return r != nil && r.Outcome == health.Fail })
	})
}

// At an interval of an hour the wire finds that a member is there again.
func TestTripwireOfAServerThatComesBack(t *testing.T) {
	eachWay(t, func(t *testing.T, opts Options) {
		addr := unused(t, "127.0.0.1:0")
		s := NewScheduler(opts)
		defer s.Close()
		var p probed
		e := s.Add(hourly(to(addr)), justConnect, Report(p.report), true)
		e.SetTripwire(true)
		until(t, "probed", func() bool { return p.n.Load() == 1 })
		member(t, addr.String(), silent)
		until(t, "held", isHeld(e))
		until(t, "found", func() bool { return p.last.Load().Outcome == health.Pass })
	})
}

// A wire to a member that fails its check has it probed once more, and no more than that.
func TestTripwireToAMemberThatFails(t *testing.T) {
	eachWay(t, func(t *testing.T, opts Options) {
		h := newHost(t)
		s := NewScheduler(opts)
		defer s.Close()
		var p probed
		e := s.Add(hourly(to(h.addr)), tripping{func() Result { return fail("not now") }}, Report(p.report), true)
		e.SetTripwire(true)
		until(t, "held", isHeld(e))
		until(t, "probed again", func() bool { return p.n.Load() >= 2 })
	})
}

// tripping is a check without a connection of its own that can have a tripwire.
type tripping struct{ result func() Result }

func (tripping) Kind() string                          { return "tcp" }
func (tripping) Port() uint16                          { return 0 }
func (tripping) Name() string                          { return "tcp" }
func (tripping) Key() string                           { return "tcp" }
func (c tripping) Probe(context.Context, Route) Result { return c.result() }

// A wire that cannot be made is no failure of the member, but reason enough to probe it.
func TestTripwireThatCannotBeMade(t *testing.T) {
	eachWay(t, func(t *testing.T, opts Options) {
		s := NewScheduler(opts)
		defer s.Close()
		var p probed
		often := hourly(to(unused(t, "127.0.0.1:0")))
		e := s.Add(often, tripping{func() Result { return Result{} }}, Report(p.report), true)
		e.SetTripwire(true)
		until(t, "tried and backed off", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return e.wire.backoff > wireBackoff
		})
		if got := e.Wire(); got != WireWaiting {
			t.Errorf("got %v", got)
		}
		until(t, "probed at once", func() bool { return p.n.Load() >= 2 })
	})
}

func TestNoTripwireForAKindThatNeedsNoTCP(t *testing.T) {
	s := NewScheduler(Options{})
	defer s.Close()
	e := s.Add(hourly(Route{}), fake(pass), Report(func(Result) bool { return false }), true)
	e.SetTripwire(true)
	if got := e.Wire(); got != WireOff {
		t.Errorf("got %v", got)
	}
}

func TestTripwiresAreBounded(t *testing.T) {
	eachWay(t, func(t *testing.T, opts Options) {
		h := newHost(t)
		opts.MaxSockets = 8
		s := NewScheduler(opts)
		defer s.Close()
		var p probed
		often := hourly(to(h.addr))
		often.Interval = 100 * time.Millisecond
		var entries []*Entry
		for range 10 {
			e := s.Add(often, justConnect, Report(p.report), true)
			e.SetTripwire(true)
			entries = append(entries, e)
		}
		count := func() (states [WireStates]int) {
			for _, e := range entries {
				states[e.Wire()]++
			}
			return states
		}
		until(t, "four are held, and six told that there is no room", func() bool {
			states := count()
			return states[WireHeld] == 4 && states[WireNone] == 6
		})
		n := p.n.Load()
		until(t, "probed", func() bool { return p.n.Load() > n+100 })
		if states := count(); states[WireHeld] != 4 {
			t.Errorf("%d are held", states[WireHeld])
		}
		i := slices.IndexFunc(entries, func(e *Entry) bool { return isHeld(e)() })
		entries[i].Stop()
		if got := entries[i].Wire(); got != WireOff {
			t.Errorf("of a stopped target: %v", got)
		}
		until(t, "another has taken the place", func() bool {
			states := count()
			return states[WireHeld] == 4 && states[WireNone] == 5
		})
		entries[(i+1)%10].SetTripwire(false)
		until(t, "another has taken the place", func() bool { return s.Wires()[WireHeld] == 4 })
		states := count()
		states[WireOff]-- // of the target that is no more
		if got := s.Wires(); got != states {
			t.Errorf("got %v, want %v", got, states)
		}
	})
}

// A member that talks costs nothing, and is still noticed when it is gone.
func TestTripwireToATalkativeMember(t *testing.T) {
	eachWay(t, func(t *testing.T, opts Options) {
		conns := make(chan net.Conn, 10)
		dst := member(t, "127.0.0.1:0", func(conn net.Conn) {
			io.WriteString(conn, "220 ready\r\n")
			conns <- conn
			silent(conn)
		})
		s := NewScheduler(opts)
		defer s.Close()
		var p probed
		e := s.Add(hourly(to(dst)), justConnect, Report(p.report), true)
		e.SetTripwire(true)
		until(t, "held", isHeld(e))
		for range 2 { // that of the probe is over already
			(<-conns).Close()
		}
		until(t, "probed at once", func() bool { return p.n.Load() >= 2 })
	})
}

func TestTripwireToAnEndlessTalker(t *testing.T) {
	said := make(chan int64, 10)
	dst := member(t, "127.0.0.1:0", func(conn net.Conn) {
		conn.SetWriteDeadline(time.Now().Add(second))
		n, err := io.Copy(conn, endlessReader{})
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			said <- n
		}
	})
	s := NewScheduler(Options{})
	defer s.Close()
	e := s.Add(hourly(to(dst)), justConnect, Report(func(Result) bool { return false }), true)
	e.SetTripwire(true)
	until(t, "held", isHeld(e))
	select {
	case n := <-said:
		t.Logf("the member could say %d bytes, most of them to its own kernel", n)
	case <-time.After(enough):
		t.Error("the member could go on talking")
	}
}

type endlessReader struct{}

func (endlessReader) Read(b []byte) (int, error) { return len(b), nil }

func TestCloseWithTripwires(t *testing.T) {
	eachWay(t, func(t *testing.T, opts Options) {
		h := newHost(t)
		before := descriptorsInUse(t)
		s := NewScheduler(opts)
		var entries []*Entry
		for range 5 {
			e := s.Add(hourly(to(h.addr)), justConnect, Report(func(Result) bool { return false }), true)
			e.SetTripwire(true)
			entries = append(entries, e)
		}
		for _, e := range entries {
			until(t, "held", isHeld(e))
		}
		s.Close()
		for _, e := range entries {
			if got := e.Wire(); got != WireOff {
				t.Errorf("got %v", got)
			}
			e.SetTripwire(false)
			e.SetTripwire(true)
			e.Stop()
		}
		until(t, "no connection is left", func() bool { return len(h.held()) == 0 && descriptorsInUse(t) <= before })
	})
}

func TestWireBackoff(t *testing.T) {
	scheduled(t, Options{Jitter: cycle(0.5)}, func(t *testing.T, s *Scheduler) {
		w := &wire{backoff: wireBackoff, off: true}
		next := func(lived time.Duration) time.Duration {
			s.mu.Lock()
			defer s.mu.Unlock()
			w.state, w.since = WireHeld, s.now()-lived
			s.backOff(w)
			return w.earliest - s.now()
		}
		var got []time.Duration
		for range 8 {
			got = append(got, next(0))
		}
		wantTimes(t, got, second, 2*second, 4*second, 8*second, 16*second, 32*second, 60*second, 60*second)
		wantTimes(t, []time.Duration{next(wireSettled), next(wireSettled - 1)}, second, 2*second)
		w.state = WireWaiting // could not be made, long after it had lived
		s.mu.Lock()
		w.since = s.now() - time.Hour
		s.backOff(w)
		s.mu.Unlock()
		wantTimes(t, []time.Duration{w.earliest - s.now()}, 4*second)
	})
}

func TestWireStateInWords(t *testing.T) {
	for state, want := range map[WireState]string{WireOff: "off", WireNone: "none", WireWaiting: "waiting", WireHeld: "held"} {
		if got := state.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
