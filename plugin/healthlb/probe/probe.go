// Package probe asks members whether they are well. A check says how; the scheduler says when.
package probe

import (
	"context"
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
}

// Check is what a probe does. Implementations are immutable and safe for concurrent use.
type Check interface {
	// Kind is the check's word in the Corefile: tcp, tls.
	Kind() string

	// Port is the port to probe unless the member says another.
	Port() uint16

	// Name is the check as the Corefile would say it, without the port and with its options in a fixed order. Results of checks with
	// equal names mean the same, so that a member's state follows it across reloads.
	Name() string

	// Key identifies what is probed: checks with equal keys share one probe. It holds Name, and a digest of every file that was read.
	Key() string

	// Probe asks the member at dst, and returns what it found at the latest when ctx ends. It leaves no connection and no goroutine
	// behind. Start and Took of the result are set by the scheduler.
	Probe(ctx context.Context, dst netip.AddrPort) Result
}

// Target is the identity of what is probed. Pools with equal targets share one probe.
type Target struct {
	Addr     netip.AddrPort
	Check    string // Check.Key
	Interval time.Duration
	Timeout  time.Duration
	Confirm  time.Duration
}
