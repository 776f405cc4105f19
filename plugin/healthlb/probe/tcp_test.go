package probe

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// says writes the parts one by one, each after the previous was sent, and then waits for the other side to hang up.
func says(parts ...string) func(net.Conn) {
	return func(conn net.Conn) {
		for _, p := range parts {
			if _, err := io.WriteString(conn, p); err != nil {
				return
			}
		}
		silent(conn)
	}
}

// closesAfter writes s and ends its side of the connection in good order.
func closesAfter(s string) func(net.Conn) {
	return func(conn net.Conn) {
		io.WriteString(conn, s)
		conn.(*net.TCPConn).CloseWrite()
		silent(conn)
	}
}

// answers waits for question and then writes answer.
func answers(question, answer string) func(net.Conn) {
	return func(conn net.Conn) {
		got := make([]byte, len(question))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != question {
			return
		}
		io.WriteString(conn, answer)
		silent(conn)
	}
}

func resets(conn net.Conn) {
	var buf [1]byte
	conn.Read(buf[:])
	conn.(*net.TCPConn).SetLinger(0)
}

// endless writes s for as long as someone reads.
func endless(s []byte) func(net.Conn) {
	return func(conn net.Conn) {
		for {
			if _, err := conn.Write(s); err != nil {
				return
			}
		}
	}
}

// trickles writes a byte a millisecond for as long as someone reads, and reads nothing.
func trickles(conn net.Conn) {
	conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := conn.Write([]byte("x")); err != nil {
			return
		}
	}
}

func TestTCP(t *testing.T) {
	banner := TCPOptions{Expect: []byte("220 ")}
	filler := bytes.Repeat([]byte("x"), 1000)
	edge := bytes.Repeat([]byte("x"), expectWithin-4)
	const timeout = `timeout after \d+ms `
	for _, tt := range []struct {
		name    string
		member  func(net.Conn)
		opts    TCPOptions
		timeout time.Duration
		outcome health.Outcome
		reason  string
	}{
		{"a connection is enough", silent, TCPOptions{}, enough, health.Pass, ""},
		{"a member that hangs up at once accepted", func(net.Conn) {}, TCPOptions{}, enough, health.Pass, ""},
		{"the banner comes", says("220 ready\r\n"), banner, enough, health.Pass, ""},
		{"the banner comes in pieces", says("2", "2", "0", " ready"), banner, enough, health.Pass, ""},
		{"the banner comes late", says("hello\r\n", "220 ready\r\n"), banner, enough, health.Pass, ""},
		{"the banner comes with the end", closesAfter("220 "), banner, enough, health.Pass, ""},
		{"the banner ends with the 64th KiB", says(string(edge), "220 "), banner, enough, health.Pass, ""},
		{"the banner ends after the 64th KiB", says(string(edge), "x220 "), banner, enough,
			health.Fail, `"220 " not found in the first 64 KiB`},
		{"question and answer", answers("PING\r\n", "+PONG\r\n"),
			TCPOptions{Send: []byte("PING\r\n"), Expect: []byte("+PONG")}, enough, health.Pass, ""},
		{"question without answer to expect", silent, TCPOptions{Send: []byte("PING\r\n")}, enough, health.Pass, ""},
		{"answer in binary", says("\x00\xff\x01"), TCPOptions{Expect: []byte("\xff\x01")}, enough, health.Pass, ""},

		{"another banner, then closed", closesAfter("554 go away\n"), banner, enough,
			health.Fail, `connection closed after 12 bytes without "220 "`},
		{"closed without a word", closesAfter(""), banner, enough, health.Fail, `connection closed after 0 bytes without "220 "`},
		{"another banner, then nothing", says("554 "), banner, brief, health.Fail, timeout + `\(4 bytes without "220 "\)`},
		{"nothing", silent, banner, brief, health.Fail, timeout + `\(0 bytes without "220 "\)`},
		{"trickle", trickles, banner, brief, health.Fail, timeout + `\(\d+ bytes without "220 "\)`},
		{"endless", endless(filler), banner, enough, health.Fail, `"220 " not found in the first 64 KiB`},
		{"reset", resets, TCPOptions{Send: []byte("x"), Expect: []byte("220 ")}, enough,
			health.Fail, `reset by peer \(0 bytes without "220 "\)`},
		{"a member that does not read", trickles,
			TCPOptions{Send: bytes.Repeat(filler, 8_000)}, brief, health.Fail, timeout + `\(send\)`},
		{"what is expected is cut short in reasons", closesAfter(""), TCPOptions{Expect: filler}, enough,
			health.Fail, `connection closed after 0 bytes without "x{40}"\.\.\.`},
	} {
		for _, ip := range []string{"127.1.2.3:0", "[::1]:0"} {
			t.Run(tt.name+" on "+ip, func(t *testing.T) {
				t.Parallel()
				wantResult(t, NewTCP(25, tt.opts), member(t, ip, tt.member), tt.timeout, tt.outcome, tt.reason)
			})
		}
	}
}

func TestTCPWithoutConnection(t *testing.T) {
	c := NewTCP(80, TCPOptions{})
	t.Run("refused", func(t *testing.T) {
		wantResult(t, c, unused(t, "127.0.0.1:0"), enough, health.Fail, "connection refused")
	})
	t.Run("refused on IPv6", func(t *testing.T) {
		wantResult(t, c, unused(t, "[::1]:0"), enough, health.Fail, "connection refused")
	})
	t.Run("backlog full", func(t *testing.T) {
		wantResult(t, c, full(t), brief, health.Fail, `timeout after \d+ms \(connect\)`)
	})
	t.Run("cancelled", func(t *testing.T) {
		dst := full(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := c.Probe(ctx, Route{To: dst}); got.Outcome != health.Inconclusive {
			t.Errorf("got %v %q, want inconclusive", got.Outcome, got.Reason)
		}
	})
}

// A probe ends the connection with a reset, so the member's next read fails otherwise than with EOF.
func TestTCPLeavesNoTimeWait(t *testing.T) {
	ended := make(chan error, 1)
	dst := member(t, "127.0.0.1:0", func(conn net.Conn) {
		var buf [1]byte
		_, err := conn.Read(buf[:])
		ended <- err
	})
	wantResult(t, NewTCP(0, TCPOptions{}), dst, enough, health.Pass, "")
	select {
	case err := <-ended:
		if err == nil || err == io.EOF {
			t.Errorf("the member read %v, want a reset", err)
		}
	case <-time.After(enough):
		t.Error("the connection was not closed")
	}
}

func TestTCPName(t *testing.T) {
	for _, tt := range []struct {
		opts TCPOptions
		want string
	}{
		{TCPOptions{}, "tcp"},
		{TCPOptions{Send: []byte("PING\r\n")}, `tcp send "PING\r\n"`},
		{TCPOptions{Expect: []byte("220 ")}, `tcp expect "220 "`},
		{TCPOptions{Send: []byte("\t\"\\"), Expect: []byte("\x00\xff")}, `tcp send "\t\x22\x5c" expect "\x00\xff"`},
	} {
		c := NewTCP(25, tt.opts)
		if c.Name() != tt.want || c.Key() != tt.want {
			t.Errorf("name %s, key %s, want %s", c.Name(), c.Key(), tt.want)
		}
		if c.Kind() != "tcp" || c.Port() != 25 {
			t.Errorf("kind %s, port %d", c.Kind(), c.Port())
		}
	}
}
