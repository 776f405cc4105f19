package test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// At an interval of an hour only a tripwire can tell that a member has gone.
func TestTripwire(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.43.1.1", "127.43.1.2", "127.43.1.3")
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {web}
			interval 1h
			confirm 50ms
			failures 3
			tripwire
			member 127.43.1.1
			member 127.43.1.2
		}
		pool without.lb.example.org {
			check tcp {web}
			interval 1h
			member 127.43.1.3
		}`, "prometheus 127.0.0.1:{metrics}"), "{web}", web.port)
	held := func(n float64) func() error {
		return func() error {
			got := s.metrics(t)[`coredns_healthlb_tripwires{state="held"}`]
			return want(got == n, "%v tripwires are held, want %v", got, n)
		}
	}
	eventually(t, held(2))
	must(t, s.dig(t, "www.lb.example.org").names("127.43.1.1", "127.43.1.2"))

	// A server that hangs up, but is there, stays.
	web.hangUp("127.43.1.2")
	eventually(t, func() error { return want(web.count("127.43.1.2") >= 3, "it is not probed again") })
	web.stop("127.43.1.1", "127.43.1.3")
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.43.1.2") })
	must(t, s.dig(t, "without.lb.example.org").names("127.43.1.3"))

	// The wire of the one who stays is made again, and none is left behind where it is no longer asked for.
	eventually(t, held(1))
	s.reload(t, strings.ReplaceAll(readFile(t, s.corefile()), "tripwire", ""))
	eventually(t, held(0))
}

// hangUp closes the connections to a server.
func (m *members) hangUp(addr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for conn, of := range m.conns {
		if of == addr {
			conn.Close()
		}
	}
}

// A member that has fallen three times is held down, also over a reload, though it passes its checks; but never the last one.
func TestFlapping(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.43.2.1", "127.43.2.2")
	corefile := lb(`
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {web}
			flap 1h
			member 127.43.2.1
			member 127.43.2.2
		}`)
	s := startCoreDNS(t, corefile, "{web}", web.port)
	both := func() error { return s.dig(t, "www.lb.example.org").names("127.43.2.1", "127.43.2.2") }
	one := func() error { return s.dig(t, "www.lb.example.org").names("127.43.2.2") }
	for range 2 {
		eventually(t, both)
		web.stop("127.43.2.1")
		eventually(t, one)
		web.start(t, "127.43.2.1")
	}
	eventually(t, both)
	web.stop("127.43.2.1")
	eventually(t, one)
	web.start(t, "127.43.2.1")
	isHeld := func() error {
		a := s.shown(t, "www.lb.example.org").Members[0].Addresses[0]
		return errors.Join(want(a.State == "down" && a.Checks[0].State == "up", "state %s, check %s", a.State, a.Checks[0].State),
			want(a.HeldUntil != nil && time.Until(*a.HeldUntil) > 30*time.Minute && a.Excused, "%+v", a),
			want(strings.Contains(a.Reason, "flapping"), "reason %q", a.Reason))
	}
	eventually(t, isHeld)
	must(t, one())

	s.reload(t, strings.ReplaceAll(corefile, "failures 2", "failures 3"))
	must(t, isHeld())
	must(t, one())

	// It is better than none.
	web.stop("127.43.2.2")
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.43.2.1") })
	must(t, isHeld())

	// Without flap it is what its checks say.
	web.start(t, "127.43.2.2")
	s.reload(t, strings.ReplaceAll(corefile, "flap 1h", "flap off"))
	eventually(t, both)
}

// A hold-down ends in time also when the check has become one that is hardly ever made.
func TestHeldUnderStaticCheck(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"check tcp {web}", "check up\n\t\t\tcheck tcp {web}"} {
		t.Run(before, func(t *testing.T) {
			web := startMembers(t, "127.43.12.1", "127.43.12.2")
			corefile := lb(`
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			CHECK
			flap 3s
			member 127.43.12.1
			member 127.43.12.2
		}`)
			s := startCoreDNS(t, strings.Replace(corefile, "CHECK", before, 1), "{web}", web.port)
			both := func() error { return s.dig(t, "www.lb.example.org").names("127.43.12.1", "127.43.12.2") }
			for range 3 {
				eventually(t, both)
				web.stop("127.43.12.1")
				eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.43.12.2") })
				web.start(t, "127.43.12.1")
			}
			eventually(t, func() error { // held, and no longer for its checks
				a := s.shown(t, "www.lb.example.org").Members[0].Addresses[0]
				return want(a.HeldUntil != nil && a.Checks[0].State == "up" && a.Checks[len(a.Checks)-1].State == "up", "%+v", a)
			})
			s.reload(t, strings.Replace(corefile, "CHECK", "check up", 1))
			eventually(t, both)
		})
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	from := make(chan string, 1000)
	l, err := net.Listen("tcp", "127.43.3.1:0")
	must(t, err)
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
			select {
			case from <- host:
			default:
			}
			conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {web}
			source 127.43.3.9
			member 127.43.3.1
		}
		pool tls.lb.example.org {
			check tls {web}
			source 127.43.3.8
			member 127.43.3.1
		}
		pool nowhere.lb.example.org {
			check tcp {web}
			source 198.51.100.9
			member 127.43.3.1
		}`), "{web}", port)
	seen := map[string]bool{}
	for !seen["127.43.3.9"] || !seen["127.43.3.8"] {
		select {
		case host := <-from:
			seen[host] = true
		case <-time.After(pollFor):
			t.Fatalf("probes come from %v", seen)
		}
	}
	check(t, want(len(seen) == 2, "probes come from %v", seen))
	a := s.shown(t, "nowhere.lb.example.org").Members[0].Addresses[0]
	check(t, want(a.State == "unknown" && strings.Contains(a.Checks[0].Reason, "cannot assign requested address"), "%+v", a))
}

func TestReasonNamesTheCheckThatFailed(t *testing.T) {
	t.Parallel()
	web, other := startMembers(t, "127.43.4.1"), startMembers(t, "127.43.4.1")
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {web}
			check tcp {other}
			member 127.43.4.1
		}`), "{web}", web.port, "{other}", other.port)
	must(t, want(s.shown(t, "www.lb.example.org").Status == "full", "it does not pass"))
	other.stop("127.43.4.1")
	eventually(t, func() error {
		a := s.shown(t, "www.lb.example.org").Members[0].Addresses[0]
		return want(a.State == "down" && a.Reason == "tcp "+other.port+": connection refused", "%s: %s", a.State, a.Reason)
	})
}

func TestBudget(t *testing.T) {
	t.Parallel()
	corefile := lb(`
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			ttl 5s
			budget 7s
			member 127.43.5.1
		}`)
	s := startCoreDNS(t, corefile)
	// 1.25 x 400ms + 2 x 400ms + 1 x 20ms + 5s
	check(t, want(s.shown(t, "www.lb.example.org").Budget == 6.32, "budget %v", s.shown(t, "www.lb.example.org").Budget))
	s.reloadFails(t, strings.ReplaceAll(corefile, "budget 7s", "budget 6s"), "Corefile:", "budget 6s: is shorter than the worst case of pool www.lb.example.org.", "6.32s")
}
