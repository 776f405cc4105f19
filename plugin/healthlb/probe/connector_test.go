package probe

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// eachWay runs a test with either connector.
func eachWay(t *testing.T, test func(t *testing.T, opts Options)) {
	for _, portable := range []bool{false, true} {
		name := "in the loop"
		if portable {
			name = "in goroutines"
		}
		t.Run(name, func(t *testing.T) { test(t, Options{Portable: portable}) })
	}
}

// until waits for something to become true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(enough); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

var justConnect = NewTCP(0, TCPOptions{})

// hourly is a target that is probed once, and then not again by itself.
func hourly(r Route) Target {
	return Target{Route: r, Check: justConnect.Key(), Interval: time.Hour, Timeout: enough, Confirm: time.Hour}
}

func to(a netip.AddrPort) Route { return Route{To: a} }

// once probes a target once by a scheduler, and returns the result.
func once(t *testing.T, opts Options, target Target) Result {
	t.Helper()
	s := NewScheduler(opts)
	defer s.Close()
	results := make(chan Result, 1)
	s.Add(target, justConnect, Report(func(r Result) bool { results <- r; return false }), true)
	select {
	case r := <-results:
		return r
	case <-time.After(enough):
		t.Fatal("no result")
		return Result{}
	}
}

func TestConnecting(t *testing.T) {
	v4, v6 := member(t, "127.0.0.1:0", silent), member(t, "[::1]:0", silent)
	nowhere := netip.MustParseAddrPort("198.51.100.1:443")
	for _, tt := range []struct {
		name    string
		route   Route
		timeout time.Duration
		outcome health.Outcome
		reason  string
	}{
		{"accepted", to(v4), enough, health.Pass, ""},
		{"accepted on IPv6", to(v6), enough, health.Pass, ""},
		{"accepted at once closed", to(member(t, "127.0.0.1:0", func(net.Conn) {})), enough, health.Pass, ""},
		{"mapped address", to(netip.AddrPortFrom(netip.AddrFrom16(v4.Addr().As16()), v4.Port())), enough, health.Pass, ""},
		{"with a zone", to(netip.AddrPortFrom(v6.Addr().WithZone("lo"), v6.Port())), enough, health.Pass, ""},
		{"from an address", Route{v4, netip.MustParseAddr("127.0.0.9")}, enough, health.Pass, ""},
		{"from an address of IPv6", Route{v6, v6.Addr()}, enough, health.Pass, ""},
		{"from somebody else's address", Route{v4, netip.MustParseAddr("192.0.2.1")}, enough,
			health.Inconclusive, "cannot probe: cannot assign requested address"},
		{"from an address of another family", Route{v4, v6.Addr()}, enough, health.Fail, "dial tcp: address [::1]:0: no suitable address found"},
		{"refused", to(unused(t, "127.0.0.1:0")), enough, health.Fail, "connection refused"},
		{"refused on IPv6", to(unused(t, "[::1]:0")), enough, health.Fail, "connection refused"},
		{"backlog full", to(full(t)), 120 * time.Millisecond, health.Fail, "timeout after 120ms (connect)"},
		{"no route", to(nowhere), enough, health.Inconclusive, "cannot probe: no route to the member's network"},
		{"broadcast", to(netip.MustParseAddrPort("127.255.255.255:80")), enough, health.Fail, "network is unreachable"},
	} {
		if tt.route.To == nowhere && routed(tt.route) {
			t.Log("this host has a route to", nowhere)
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, opts Options) {
				target := hourly(tt.route)
				target.Timeout = tt.timeout
				before := time.Now()
				r := once(t, opts, target)
				if r.Outcome != tt.outcome || r.Reason != tt.reason {
					t.Errorf("got %v %q, want %v %q", r.Outcome, r.Reason, tt.outcome, tt.reason)
				}
				if r.Start.Before(before) || r.Took <= 0 || r.Start.Add(r.Took).After(time.Now()) {
					t.Errorf("began at %v and took %v", r.Start, r.Took)
				}
			})
		})
	}
}

func TestProbesComeFromWhereTheyAreTold(t *testing.T) {
	eachWay(t, func(t *testing.T, opts Options) {
		from := make(chan string, 1)
		dst := member(t, "127.0.0.1:0", func(conn net.Conn) {
			from <- conn.RemoteAddr().(*net.TCPAddr).IP.String()
			silent(conn)
		})
		once(t, opts, hourly(Route{dst, netip.MustParseAddr("127.4.5.6")}))
		if got := <-from; got != "127.4.5.6" {
			t.Errorf("came from %s", got)
		}
	})
}

func TestProbesEndWithAReset(t *testing.T) {
	eachWay(t, func(t *testing.T, opts Options) {
		ended := make(chan error, 1)
		dst := member(t, "127.0.0.1:0", func(conn net.Conn) {
			_, err := conn.Read(make([]byte, 1))
			ended <- err
		})
		once(t, opts, hourly(to(dst)))
		// ECONNRESET, or ENOTCONN where the reset comes before the accept.
		if err := <-ended; err == nil || err.Error() == "EOF" {
			t.Errorf("the member read %v, want a reset", err)
		}
	})
}

// Of checks that cannot run in the loop, and of those that can, none is forgotten, whichever way.
func TestAllKindsTogether(t *testing.T) {
	dst := member(t, "127.0.0.1:0", says("220 ready"))
	eachWay(t, func(t *testing.T, opts Options) {
		s := NewScheduler(opts)
		defer s.Close()
		var results atomic.Int64
		checks := []Check{justConnect, NewTCP(0, TCPOptions{Expect: []byte("220")}), fake(pass)}
		report := Report(func(r Result) bool {
			if r.Outcome != health.Pass {
				t.Errorf("got %v %q", r.Outcome, r.Reason)
			}
			results.Add(1)
			return true
		})
		often := Target{Route: to(dst), Interval: second, Timeout: enough, Confirm: 10 * time.Millisecond}
		for i := range 30 {
			s.Add(often, checks[i%3], report, i%2 == 0)
		}
		until(t, "1000 results", func() bool { return results.Load() >= 1000 })
	})
}

func TestStopClosesTheSocketInFlight(t *testing.T) {
	dst := full(t)
	eachWay(t, func(t *testing.T, opts Options) {
		s := NewScheduler(opts)
		defer s.Close()
		e := s.Add(hourly(to(dst)), justConnect, Report(func(r Result) bool { t.Errorf("got %v", r); return false }), true)
		until(t, "in flight", func() bool { return s.InFlight() == 1 })
		if _, waits := e.Next(); waits {
			t.Error("waits while its probe is in flight")
		}
		e.Stop()
		e.Stop()
		until(t, "landed", func() bool { return s.InFlight() == 0 })
		if s.Len() != 0 {
			t.Errorf("%d targets", s.Len())
		}
	})
}

func TestCloseWithSocketsInFlight(t *testing.T) {
	dst := full(t)
	eachWay(t, func(t *testing.T, opts Options) {
		before := descriptorsInUse(t)
		s := NewScheduler(opts)
		for range 20 {
			s.Add(hourly(to(dst)), justConnect, Report(func(r Result) bool { t.Errorf("got %v", r); return false }), true)
		}
		until(t, "in flight", func() bool { return s.InFlight() == 20 })
		s.Close()
		s.Close()
		if s.InFlight() != 0 || s.Len() != 0 {
			t.Errorf("%d in flight of %d", s.InFlight(), s.Len())
		}
		if after := descriptorsInUse(t); after > before {
			t.Errorf("%d descriptors, and %d before", after, before)
		}
	})
}

// descriptorsInUse is how many descriptors this process has; 0 where that cannot be told.
func descriptorsInUse(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(files)
}

func TestSocketsInFlightAreBounded(t *testing.T) {
	dst := full(t)
	eachWay(t, func(t *testing.T, opts Options) {
		opts.MaxSockets = 3
		s := NewScheduler(opts)
		defer s.Close()
		brief := hourly(to(dst))
		brief.Timeout = 20 * time.Millisecond
		var most, results atomic.Int64
		for range 30 {
			s.Add(brief, justConnect, Report(func(Result) bool {
				most.Store(max(most.Load(), int64(s.InFlight())))
				results.Add(1)
				return false
			}), true)
		}
		until(t, "30 results", func() bool { return results.Load() == 30 })
		if n := most.Load(); n != 3 {
			t.Errorf("%d in flight at most, want 3", n)
		}
	})
}

// Whatever is done from within a Report, or at the same time, no target is lost, and none is reported after it was stopped.
func TestTurmoil(t *testing.T) {
	accepting, refusing, hanging := member(t, "127.0.0.1:0", silent), unused(t, "127.0.0.1:0"), full(t)
	closing := member(t, "127.0.0.1:0", func(net.Conn) {})
	eachWay(t, func(t *testing.T, opts Options) {
		opts.MaxSockets = 40
		before := descriptorsInUse(t)
		s := NewScheduler(opts)
		var (
			mu      sync.Mutex // guards all of this
			stopped = make(map[int]time.Time)
			last    = make(map[int]time.Time)
			entries = make(map[int]*Entry)
			next    int
		)
		add := func() { // with mu held
			id := next
			next++
			route := to([]netip.AddrPort{accepting, refusing, hanging, closing}[id%4])
			often := Target{Route: route, Interval: 30 * time.Millisecond, Timeout: 10 * time.Millisecond, Confirm: time.Millisecond}
			report := Report(func(r Result) bool {
				mu.Lock()
				defer mu.Unlock()
				if at := stopped[id]; !at.IsZero() && r.Start.After(at) {
					t.Error("a probe after Stop")
				}
				if id%4 == 1 && r.Outcome != health.Fail || id%4 == 0 && r.Outcome == health.Inconclusive {
					t.Errorf("%v: got %v %q", route.To, r.Outcome, r.Reason)
				}
				last[id] = time.Now()
				if id%7 == 3 && r.Outcome == health.Pass {
					entries[id].Stop()
					stopped[id] = time.Now()
				}
				return id%2 == 0
			})
			entries[id] = s.Add(often, justConnect, report, id%3 == 0)
			if id%5 != 0 {
				entries[id].SetTripwire(true)
			}
		}
		for range 400 {
			mu.Lock()
			add()
			if id := next / 2; next%2 == 0 && stopped[id].IsZero() {
				entries[id].Stop()
				stopped[id] = time.Now()
			}
			if id := next / 3; next%3 == 0 {
				entries[id].SetTripwire(next%2 == 0)
			}
			mu.Unlock()
			time.Sleep(time.Millisecond)
		}
		since := time.Now()
		until(t, "a result of each that is left", func() bool {
			mu.Lock()
			defer mu.Unlock()
			for id := range next {
				if stopped[id].IsZero() && last[id].Before(since) {
					return false
				}
			}
			return true
		})
		mu.Lock()
		live := 0
		for id := range next {
			if stopped[id].IsZero() {
				live++
			}
		}
		if s.Len() != live {
			t.Errorf("%d targets, want %d", s.Len(), live)
		}
		mu.Unlock()
		s.Close()
		until(t, "no descriptor is left", func() bool { return descriptorsInUse(t) <= before })
	})
}
