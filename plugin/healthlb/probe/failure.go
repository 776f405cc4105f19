package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"
	"unicode"

	"example.org/healthlb/plugin/healthlb/health"
)

// ownTrouble is what the kernel says when it is this host that cannot probe: out of descriptors, of memory, of local ports, or forbidden
// by its own firewall. It says nothing about the member.
var ownTrouble = [...]syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EPERM,
}

// attempt is one probe under way: what is needed to put a failure of it into words.
type attempt struct {
	ctx   context.Context
	start time.Time
	route Route
	trace *Trace // nil: nobody wants to know
}

func begin(ctx context.Context, r Route) attempt { return attempt{ctx, time.Now(), r, traceOf(ctx)} }

// connectFailed is the result of a probe that got no connection.
//
// ENETUNREACH has two meanings. Said by connect() at once it means that this host has no route; said later, that some router on the way
// has none, and the member cannot be reached. The net package reports both alike, so the route is looked up again.
func (a attempt) connectFailed(err error) Result {
	if errors.Is(err, syscall.ENETUNREACH) && !routed(a.route) {
		return inconclusive("cannot probe: no route to the member's network")
	}
	return a.failed("connect", err)
}

// failed is the result of a probe whose phase ended with err.
func (a attempt) failed(phase string, err error) Result {
	if errors.Is(a.ctx.Err(), context.Canceled) {
		return inconclusive("cancelled (" + phase + ")")
	}
	if errors.Is(err, syscall.EINVAL) && a.route.From.IsValid() {
		return inconclusive("cannot probe: the member cannot be reached from " + a.route.From.String())
	}
	for _, own := range ownTrouble {
		if errors.Is(err, own) {
			return inconclusive("cannot probe: " + own.Error())
		}
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fail(fmt.Sprintf("timeout after %v (%s)", a.waited(), phase))
	}
	var errno syscall.Errno
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fail("reset by peer (" + phase + ")")
	case errors.As(err, &errno):
		return fail(errno.Error()) // "connection refused", "no route to host" ...; without net's addresses and ports
	default:
		return fail(err.Error())
	}
}

// waited is how long the probe has taken, at most up to its deadline. It is rounded up to milliseconds: the deadline was set a moment
// before start, and people want to read the timeout that they configured.
func (a attempt) waited() time.Duration {
	waited := time.Since(a.start)
	if deadline, ok := a.ctx.Deadline(); ok {
		waited = min(waited, deadline.Sub(a.start))
	}
	return (waited + time.Millisecond - 1).Truncate(time.Millisecond)
}

func fail(reason string) Result {
	return Result{Outcome: health.Fail, Reason: printable(reason)}
}

func inconclusive(reason string) Result {
	return Result{Outcome: health.Inconclusive, Reason: printable(reason)}
}

// maxReason is how many bytes of a reason are kept. Parts of it are the member's words, and it is kept per target, logged and shown.
const maxReason = 240

// printable makes a reason fit for one line of a log.
func printable(reason string) string {
	cut := len(reason) > maxReason
	if cut {
		reason = reason[:maxReason]
	}
	reason = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(reason, ""))
	if cut {
		reason += "..."
	}
	return reason
}
