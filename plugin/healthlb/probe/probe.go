// Package probe asks members whether they are well. A check says how; the scheduler says when.
package probe

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// Result is what one probe found.
type Result struct {
	Outcome health.Outcome
	Reason  string        // why it did not pass, for people; empty for a pass
	Start   time.Time     // when the probe began
	Took    time.Duration // how long it took

	Excused  bool      // it fails for nothing but a certificate that has run out: that alone does not take the last eligible members out
	NotAfter time.Time // when the member's certificate runs out; zero: none was seen
	Weight   Percent   // what the member asks for
}

// Percent is how much of its configured weight a member asks for. The zero value is a member that says nothing of it.
type Percent struct {
	N    int // 0 and up
	Said bool
}

// Route is where a probe goes.
type Route struct {
	To   netip.AddrPort
	From netip.Addr // the zero Addr: the kernel chooses
}

// Check is what a probe does. Implementations are immutable and safe for concurrent use.
type Check interface {
	// Kind is the check's word in the Corefile: tcp, tls, http and so on.
	Kind() string

	// Port is the port to probe unless the member says another.
	Port() uint16

	// Name is the check as the Corefile would say it, without the port and with its options in a fixed order. Results of checks with
	// equal names mean the same, so that a member's state follows it across reloads.
	Name() string

	// Key identifies what is probed: checks with equal keys share one probe. It holds Name, and a digest of every file that was read.
	Key() string

	// Probe asks the member that the route leads to, and returns what it found at the latest when ctx ends. It leaves no connection, no
	// process and no goroutine behind. Start and Took of the result are set by the caller. What it does on the way it writes into the
	// context's Trace, if there is one.
	Probe(ctx context.Context, r Route) Result
}

// Target is the identity of what is probed. Pools with equal targets share one probe.
type Target struct {
	Route
	Check    string // Check.Key
	Interval time.Duration
	Timeout  time.Duration
	Confirm  time.Duration
}

// Ask makes one probe, apart from any schedule. A check that panics has found nothing out about the member.
func Ask(ctx context.Context, c Check, r Route) (found Result) {
	defer func() {
		if v := recover(); v != nil {
			found = inconclusive(fmt.Sprintf("cannot probe: the %s check panicked: %v", c.Kind(), v))
		}
	}()
	return c.Probe(ctx, r)
}
