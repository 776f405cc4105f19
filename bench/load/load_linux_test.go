package load

import (
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"example.org/healthlb/bench/peer"
)

// base asks for a fifth of a second. At its rate all queries fit into a socket's buffer, so that none is lost however busy the machine is.
func base(server netip.AddrPort) Spec {
	return Spec{
		Server: server, Queries: [][]byte{peer.Question("www.example.org.", 1), peer.Question("api.example.org.", 28)},
		For: 200 * time.Millisecond, Timeout: time.Minute, Core: peer.AnyCore,
	}
}

const rate = 500

// modes has a test run with and without a rate.
func modes(t *testing.T, test func(t *testing.T, rate float64)) {
	t.Run("closed", func(t *testing.T) { test(t, 0) })
	t.Run("open", func(t *testing.T) { test(t, rate) })
}

// serve starts a server on an address that sends what answer makes of each query, until the test is over.
func serve(t *testing.T, address string, answer func(query []byte, send func([]byte))) netip.AddrPort {
	t.Helper()
	if n := runtime.GOMAXPROCS(0); n == 1 { // the client does not leave its place to other goroutines
		runtime.GOMAXPROCS(2)
		t.Cleanup(func() { runtime.GOMAXPROCS(n) })
	}
	conn, err := net.ListenPacket("udp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Skip(err) // no IPv6
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		for {
			query := make([]byte, 512)
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			answer(query[:n], func(message []byte) { conn.WriteTo(message, from) })
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// reply makes a query its own answer, with one record said to be in it.
func reply(query []byte) []byte {
	query[2] |= 0x80
	query[7] = 1
	return query
}

func echo(query []byte, send func([]byte)) { send(reply(query)) }

func run(t *testing.T, s Spec) Result {
	t.Helper()
	r, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent == 0 || r.Answered+r.Lost != r.Sent || r.Failed > r.Answered || r.Took < s.For || r.Busy <= 0 || r.Busy > 1 {
		t.Errorf("%+v does not add up", r)
	}
	if r.P50 > r.P99 || r.P99 > r.P999 || r.Lost == 0 && r.P999 > r.Max || r.Lost == r.Sent && r.P50 < s.Timeout {
		t.Errorf("%+v: the latencies are not in order", r)
	}
	return r
}

func TestEveryQueryIsAnswered(t *testing.T) {
	cores, err := peer.Cores()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, address string
		change        func(*Spec)
	}{
		{"as it is", "127.0.0.1", func(*Spec) {}},
		{"over IPv6", "::1", func(*Spec) {}},
		{"on the first core", "127.0.0.1", func(s *Spec) { s.Core = cores[0] }},
		{"one at a time", "127.0.0.1", func(s *Spec) { s.Window = 1 }},
		{"after a while", "127.0.0.1", func(s *Spec) { s.Warm = 50 * time.Millisecond }},
	} {
		t.Run(test.name, func(t *testing.T) {
			modes(t, func(t *testing.T, rate float64) {
				s := base(serve(t, test.address, echo))
				s.Rate, s.WantAnswers = rate, 1
				test.change(&s)
				r := run(t, s)
				if r.Answered != r.Sent || r.Failed > 0 || r.P50 <= 0 {
					t.Errorf("%+v", r)
				}
				if want := int(rate * s.For.Seconds()); rate > 0 && r.Sent != want {
					t.Errorf("%d were sent, want %d", r.Sent, want)
				}
			})
		})
	}
}

func TestLostQueries(t *testing.T) {
	modes(t, func(t *testing.T, rate float64) {
		var seen, dropped atomic.Int64
		s := base(serve(t, "127.0.0.1", func(query []byte, send func([]byte)) {
			if seen.Add(1)%10 == 0 {
				dropped.Add(1)
				return
			}
			send(reply(query))
		}))
		s.Rate, s.Timeout = rate, 2*time.Second
		r := run(t, s)
		if r.Lost == 0 || r.Lost != int(dropped.Load()) {
			t.Errorf("%d queries were dropped, and all others answered: %+v", dropped.Load(), r)
		}
		if r.Lost*50 > r.Sent && r.P99 < s.Timeout {
			t.Errorf("more than one in a hundred was lost, which p99 does not tell: %+v", r)
		}
	})
}

// Two queries at a time can be more than two in all only if lost ones make room.
func TestLostQueriesMakeRoom(t *testing.T) {
	s := base(serve(t, "127.0.0.1", func([]byte, func([]byte)) {}))
	s.Window, s.Timeout = 2, 10*time.Millisecond
	if r := run(t, s); r.Answered > 0 || r.Sent <= 2 {
		t.Errorf("nothing was answered: %+v", r)
	}
}

func TestNobodyListens(t *testing.T) {
	modes(t, func(t *testing.T, rate float64) {
		port, err := peer.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		s := base(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port))
		s.Rate, s.Timeout = rate, 20*time.Millisecond
		if r := run(t, s); r.Lost != r.Sent {
			t.Errorf("nobody listens: %+v", r)
		}
	})
}

func TestOthersRepliesAreIgnored(t *testing.T) {
	noise := func(query []byte, send func([]byte)) {
		send(query)      // no reply
		send(query[:11]) // no DNS message
		send(nil)
		stranger := reply(append([]byte(nil), query...))
		stranger[0] ^= 0x80 // of no query under way: ids begin with 0
		send(stranger)
	}
	modes(t, func(t *testing.T, rate float64) {
		s := base(serve(t, "127.0.0.1", func(query []byte, send func([]byte)) {
			noise(query, send)
			echo(query, send)
			send(query) // a duplicate
			noise(query, send)
		}))
		s.Rate = rate
		if r := run(t, s); r.Answered != r.Sent || r.Failed > 0 {
			t.Errorf("there was one reply to each: %+v", r)
		}
	})
	t.Run("nothing else", func(t *testing.T) {
		s := base(serve(t, "127.0.0.1", noise))
		s.Timeout = 100 * time.Millisecond
		if r := run(t, s); r.Answered > 0 {
			t.Errorf("there was no reply: %+v", r)
		}
	})
}

func TestFailedReplies(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(message []byte)
		wants  int // answers
		failed bool
	}{
		{"SERVFAIL", func(m []byte) { m[3] |= 2 }, 0, true},
		{"truncated", func(m []byte) { m[2] |= 2 }, 0, true},
		{"without an answer", func(m []byte) { m[7] = 0 }, 1, true},
		{"without an answer, which is fine", func(m []byte) { m[7] = 0 }, 0, false},
		{"with an answer", func([]byte) {}, 1, false},
		{"with an answer of two", func([]byte) {}, 2, true},
		{"with an answer too many", func(m []byte) { m[7] = 2 }, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := base(serve(t, "127.0.0.1", func(query []byte, send func([]byte)) {
				test.change(reply(query))
				send(query)
			}))
			s.WantAnswers = test.wants
			if r := run(t, s); r.Answered != r.Sent || (r.Failed == r.Answered) != test.failed || !test.failed && r.Failed > 0 {
				t.Errorf("failed: %+v", r)
			}
		})
	}
}

func TestLatencyOfSlowAnswers(t *testing.T) {
	const delay = 50 * time.Millisecond
	modes(t, func(t *testing.T, rate float64) {
		s := base(serve(t, "127.0.0.1", func(query []byte, send func([]byte)) {
			time.AfterFunc(delay, func() { echo(query, send) })
		}))
		s.Rate = rate
		if r := run(t, s); r.Answered != r.Sent || r.P50 < delay {
			t.Errorf("each answer took %v: %+v", delay, r)
		}
	})
}

// With a rate, queries become due while the server does nothing: half of them in the first half of the time, and so they wait for as long
// as the other half at least.
func TestLatencyCountsFromTheDueTime(t *testing.T) {
	const hold = 200 * time.Millisecond
	var once atomic.Bool
	s := base(serve(t, "127.0.0.1", func(query []byte, send func([]byte)) {
		if !once.Swap(true) {
			time.Sleep(hold)
		}
		echo(query, send)
	}))
	s.For, s.Rate = hold, rate
	if r := run(t, s); r.P50 < hold/2-2*time.Second/rate {
		t.Errorf("nothing was answered for %v: %+v", hold, r)
	}
}

func TestSpecsThatAreWrong(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"nothing to ask": func(s *Spec) { s.Queries = nil },
		"no message":     func(s *Spec) { s.Queries = [][]byte{make([]byte, 11)} },
		"no time":        func(s *Spec) { s.For = 0 },
		"negative":       func(s *Spec) { s.Rate = -1 },
		"no such core":   func(s *Spec) { s.Core = 1 << 20 },
		"no server":      func(s *Spec) { s.Server = netip.AddrPort{} },
	} {
		s := base(netip.MustParseAddrPort("127.0.0.1:53"))
		change(&s)
		if _, err := Run(s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestQueriesAllocateNothing(t *testing.T) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		query := make([]byte, 512)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(query)
			if err != nil {
				return
			}
			conn.WriteToUDPAddrPort(reply(query[:n]), from)
		}
	}()
	c, err := newClient(base(conn.LocalAddr().(*net.UDPAddr).AddrPort()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = c.run()
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if n := after.Mallocs - before.Mallocs; n > 100+uint64(c.result.Sent)/10 { // some are the runtime's own
		t.Errorf("%d allocations for %d queries", n, c.result.Sent)
	}
}

func TestQueriesExpireAfterTheyWereSent(t *testing.T) {
	var l line
	l.add(1, 5) // late, as the client has paused
	if _, ok := l.expire(5); ok {
		t.Error("it expired before it was sent")
	}
	if due, ok := l.expire(6); !ok || due != 1 {
		t.Errorf("it is said to be due at %v, %t", due, ok)
	}
}

func TestOvertakenQueriesMakeRoom(t *testing.T) {
	var l line
	expired := 0
	for i := range 2 * ids {
		if _, ok := l.expire(0); ok { // nothing is overdue
			expired++
		}
		l.add(time.Duration(i), time.Duration(i))
	}
	if l.underWay != 2*ids-expired || l.underWay > ids {
		t.Errorf("%d have expired, %d are under way", expired, l.underWay)
	}
	if due, ok := l.take(ids - 1); !ok || due != 2*ids-1 {
		t.Errorf("the last one is said to be due at %v, %t", due, ok)
	}
}
