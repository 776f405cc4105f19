package probe

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// tricklesEvery writes s a byte at a time, each after a wait, and reads nothing.
func tricklesEvery(wait time.Duration, s string) func(net.Conn) {
	return func(conn net.Conn) {
		tick := time.NewTicker(wait)
		defer tick.Stop()
		for i := range len(s) {
			if _, err := conn.Write([]byte{s[i]}); err != nil {
				return
			}
			<-tick.C
		}
		silent(conn)
	}
}

// hangsUp writes s and closes the connection at once, reading nothing.
func hangsUp(s string) func(net.Conn) {
	return func(conn net.Conn) { io.WriteString(conn, s) }
}

// resetsAfter writes s, waits for a byte, and resets the connection.
func resetsAfter(s string) func(net.Conn) {
	return func(conn net.Conn) {
		io.WriteString(conn, s)
		resets(conn)
	}
}

func TestAgent(t *testing.T) {
	const timeout = `timeout after \d+ms `
	question := AgentOptions{Send: []byte("state\n")}
	full := strings.Repeat("x", maxAgentLine)
	for _, tt := range []struct {
		name    string
		member  func(net.Conn)
		opts    AgentOptions
		timeout time.Duration
		outcome health.Outcome
		reason  string
	}{
		{"up", says("up\n"), AgentOptions{}, enough, health.Pass, ""},
		{"up and CRLF", says("up\r\n"), AgentOptions{}, enough, health.Pass, ""},
		{"up and CR", says("up\r"), AgentOptions{}, enough, health.Pass, ""},
		{"up in pieces", says("u", "p", " # all", " is well", "\n"), AgentOptions{}, enough, health.Pass, ""},
		{"up a byte at a time", tricklesEvery(time.Millisecond, "ready,up 100%\n"), AgentOptions{}, enough, health.Pass, ""},
		{"up, and the agent ends its side", closesAfter("up"), AgentOptions{}, enough, health.Pass, ""},
		{"up, and the agent hangs up", hangsUp("up\n"), AgentOptions{}, enough, health.Pass, ""},
		{"what follows the line is not read", says("up\ndown\n"), AgentOptions{}, enough, health.Pass, ""},
		{"the line ends with the 4th KiB", says("up #" + full[5:] + "\n"), AgentOptions{}, enough, health.Pass, ""},
		{"down", says("down #disk full\r\n"), AgentOptions{}, enough, health.Fail, "agent says down: disk full"},
		{"drain", says("drain\n"), AgentOptions{}, enough, health.LameDuck, "agent says drain"},
		{"an agent that is asked", answers("state\n", "maint\n"), question, enough, health.LameDuck, "agent says maint"},
		{"an agent that does not read the question", closesAfter("up\n"), question, enough, health.Pass, ""},

		{"an empty line", says("\n"), AgentOptions{}, enough, health.Fail, "agent says nothing"},
		{"an empty line first", says("\r\nup\r\n"), AgentOptions{}, enough, health.Fail, "agent says nothing"},
		{"closed without a word", hangsUp(""), AgentOptions{}, enough, health.Fail, "agent says nothing"},
		{"another protocol", says("SSH-2.0-OpenSSH_9.2\r\n"), AgentOptions{}, enough,
			health.Fail, `agent says "SSH-2.0-OpenSSH_9.2", which is no word of an agent-check`},
		{"binary", says("\x00\xff\x16\n"), AgentOptions{}, enough,
			health.Fail, `agent says "\\x00\\xff\\x16", which is no word of an agent-check`},
		{"the line ends after the 4th KiB", says("up #"+full[4:], "\n"), AgentOptions{}, enough,
			health.Fail, `agent says "up #x{36}"\.\.\., and no end of the line within 4 KiB`},
		{"endless", endless(bytes.Repeat([]byte("up "), 1000)), AgentOptions{}, enough,
			health.Fail, `agent says "(up ){13}u"\.\.\., and no end of the line within 4 KiB`},
		{"nothing", silent, AgentOptions{}, brief, health.Fail, timeout + `\(0 bytes without an end of the line\)`},
		{"no answer to the question", silent, question, brief, health.Fail, timeout + `\(0 bytes without an end of the line\)`},
		{"no end of the line", says("up"), AgentOptions{}, brief, health.Fail, timeout + `\(2 bytes without an end of the line\)`},
		{"trickle", tricklesEvery(time.Second, strings.Repeat("u", 60)), AgentOptions{}, brief,
			health.Fail, timeout + `\([01] bytes without an end of the line\)`},
		{"reset", resetsAfter(""), question, enough, health.Fail, `reset by peer \(\d bytes without an end of the line\)`},
		{"reset within the line", resetsAfter("up"), question, enough, health.Fail, `reset by peer \(\d bytes without an end of the line\)`},
		{"a member that does not read", trickles, AgentOptions{Send: bytes.Repeat([]byte("x"), 8_000_000)}, brief,
			health.Fail, timeout + `\(send\)`},
	} {
		for _, ip := range []string{"127.1.2.3:0", "[::1]:0"} {
			t.Run(tt.name+" on "+ip, func(t *testing.T) {
				t.Parallel()
				wantResult(t, NewAgent(3333, tt.opts), member(t, ip, tt.member), tt.timeout, tt.outcome, tt.reason)
			})
		}
	}
}

func TestAgentWithoutConnection(t *testing.T) {
	c := NewAgent(3333, AgentOptions{})
	t.Run("refused", func(t *testing.T) {
		wantResult(t, c, unused(t, "127.0.0.1:0"), enough, health.Fail, "connection refused")
	})
	t.Run("backlog full", func(t *testing.T) {
		wantResult(t, c, full(t), brief, health.Fail, `timeout after \d+ms \(connect\)`)
	})
	t.Run("cancelled", func(t *testing.T) {
		said := make(chan struct{})
		dst := member(t, "127.0.0.1:0", func(conn net.Conn) {
			close(said)
			silent(conn)
		})
		ctx, cancel := context.WithTimeout(t.Context(), enough)
		go func() {
			<-said
			cancel()
		}()
		if got := c.Probe(ctx, Route{To: dst}); got.Outcome != health.Inconclusive {
			t.Errorf("got %v %q, want inconclusive", got.Outcome, got.Reason)
		}
	})
}

// The weight is there whatever the outcome is, and where the probe comes from is up to the route.
func TestAgentWeight(t *testing.T) {
	from := make(chan net.Addr, 1)
	dst := member(t, "127.0.0.1:0", func(conn net.Conn) {
		from <- conn.RemoteAddr()
		says("drain 40%\n")(conn)
	})
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	source := netip.MustParseAddr("127.9.8.7")
	got := NewAgent(3333, AgentOptions{}).Probe(ctx, Route{To: dst, From: source})
	if want := (Result{Outcome: health.LameDuck, Reason: "agent says drain", Weight: Percent{40, true}}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if addr := (<-from).(*net.TCPAddr).AddrPort().Addr(); addr != source {
		t.Errorf("the probe came from %s, want %s", addr, source)
	}
}

func TestAgentTrace(t *testing.T) {
	dst := member(t, "127.0.0.1:0", answers("hello", "up\t#fine\r\n"))
	var trace Trace
	ctx, cancel := context.WithTimeout(WithTrace(t.Context(), &trace), enough)
	defer cancel()
	if r := NewAgent(3333, AgentOptions{Send: []byte("hello")}).Probe(ctx, Route{To: dst}); r.Outcome != health.Pass {
		t.Fatalf("%+v", r)
	}
	var got [][2]string
	for _, s := range trace.Steps()[1:] {
		got = append(got, [2]string{s.Name, s.Detail})
	}
	if want := [][2]string{{"send", "5 bytes"}, {"agent", `"up\t#fine"`}}; trace.Steps()[0].Name != "connect" || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", trace.Steps())
	}
}

func TestAgentName(t *testing.T) {
	for _, tt := range []struct {
		opts AgentOptions
		want string
	}{
		{AgentOptions{}, "agent"},
		{AgentOptions{Send: []byte("a b\r\n")}, `agent send "a b\r\n"`},
	} {
		c := NewAgent(3333, tt.opts)
		if c.Name() != tt.want || c.Key() != tt.want || c.Kind() != "agent" || c.Port() != 3333 {
			t.Errorf("kind %s, port %d, name %s, key %s, want %s", c.Kind(), c.Port(), c.Name(), c.Key(), tt.want)
		}
	}
}
