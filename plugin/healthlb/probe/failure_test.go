package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// dialError wraps an error number as the net package does.
func dialError(call string, errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{Port: 443}, Err: os.NewSyscallError(call, errno)}
}

func TestOwnTroubleIsInconclusive(t *testing.T) {
	a := begin(t.Context(), Route{To: netip.MustParseAddrPort("127.0.0.1:80")})
	for _, tt := range []struct {
		err     error
		outcome health.Outcome
		reason  string
	}{
		{dialError("socket", syscall.EMFILE), health.Inconclusive, "cannot probe: too many open files"},
		{dialError("socket", syscall.ENFILE), health.Inconclusive, "cannot probe: too many open files in system"},
		{dialError("socket", syscall.ENOBUFS), health.Inconclusive, "cannot probe: no buffer space available"},
		{dialError("connect", syscall.ENOMEM), health.Inconclusive, "cannot probe: cannot allocate memory"},
		{dialError("connect", syscall.EADDRNOTAVAIL), health.Inconclusive, "cannot probe: cannot assign requested address"},
		{dialError("connect", syscall.EPERM), health.Inconclusive, "cannot probe: operation not permitted"},
		{fmt.Errorf("wrapped: %w", dialError("connect", syscall.EPERM)), health.Inconclusive, "cannot probe: operation not permitted"},

		// This host has a route to 127.0.0.1, so that a router must have said it.
		{dialError("connect", syscall.ENETUNREACH), health.Fail, "network is unreachable"},
		{dialError("connect", syscall.EHOSTUNREACH), health.Fail, "no route to host"},
		{dialError("connect", syscall.ECONNREFUSED), health.Fail, "connection refused"},
		{dialError("connect", syscall.ECONNRESET), health.Fail, "reset by peer (connect)"},
		{dialError("connect", syscall.EPIPE), health.Fail, "reset by peer (connect)"},
		{dialError("connect", syscall.EACCES), health.Fail, "permission denied"},
		{dialError("connect", syscall.ETIMEDOUT), health.Fail, "timeout after 1ms (connect)"},
		{errors.New("something\nnew"), health.Fail, "something?new"},
	} {
		a.start = time.Now()
		got := a.connectFailed(tt.err)
		if got.Outcome != tt.outcome || (got.Reason != tt.reason && !strings.HasPrefix(got.Reason, "timeout after ")) {
			t.Errorf("%v: got %v %q, want %v %q", tt.err, got.Outcome, got.Reason, tt.outcome, tt.reason)
		}
	}
}

func TestNoRouteIsInconclusive(t *testing.T) {
	nowhere := netip.MustParseAddrPort("198.51.100.1:443")
	if routed(Route{To: nowhere}) {
		t.Skip("this host has a route to", nowhere)
	}
	wantResult(t, NewTCP(443, TCPOptions{}), nowhere, enough, health.Inconclusive, "cannot probe: no route to the member's network")
}

func TestTimeoutIsNamedAsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1250*time.Millisecond)
		defer cancel()
		time.Sleep(70 * time.Microsecond) // a probe begins a little after its context
		a := begin(ctx, Route{})
		<-ctx.Done()
		time.Sleep(30 * time.Millisecond) // and learns a little late that it is over
		if got, want := a.failed("connect", os.ErrDeadlineExceeded).Reason, "timeout after 1.25s (connect)"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestReasonsAreFitForALog(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                        "plain",
		"two\nlines\x1b[31m":           "two?lines?[31m",
		"bad \xff utf8":                "bad  utf8",
		"für ünïcode":                  "für ünïcode",
		strings.Repeat("x", 1000):      strings.Repeat("x", maxReason) + "...",
		strings.Repeat("x", maxReason): strings.Repeat("x", maxReason),
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
