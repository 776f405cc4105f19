// Package load asks a server over UDP, as fast as it answers or at a fixed rate, and tells what became of the queries and how long the
// answers took.
//
// The client does not sleep while it waits: a server has to wake up whoever sleeps for its answer, which on a virtual machine costs it
// more than the answer. So the client needs a core of its own; it works on the server's, too, as it yields when there is nothing to read.
//
// A query costs the client 2.8 us where the C echo takes 3.6 us of the other core (testdata of bench/echo; two cores of a virtual machine),
// nearly all of it in the kernel. So one core of client keeps one core of any server busy.
package load

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"example.org/healthlb/bench/peer"
)

// Spec says what is asked.
type Spec struct {
	Server  netip.AddrPort
	Queries [][]byte      // whole messages, asked in turn; their ids are set anew
	For     time.Duration // how long queries are sent
	Warm    time.Duration // how long before that, without being counted
	Window  int           // queries under way at once, 100 if 0; each that ends has the next one sent. Not used with a rate
	Rate    float64       // queries a second, however fast the answers come; 0: as fast as they come
	Timeout time.Duration // how long after it was sent a query can be answered, 1 s if 0. It may be sent late, when the client has paused
	Core    int           // the core the client runs on; peer.AnyCore: any

	WantAnswers int // replies with another number of records in the answer section have failed; 0: any number will do
}

// Result is what became of the queries that were sent after Spec.Warm. In the quantiles a lost query counts with the time that it has
// waited, the timeout at least: so they may be above Max. More than an hour counts as an hour.
type Result struct {
	Sent     int // Answered and Lost. With a rate it is Rate x For, to the nearest
	Answered int // replies whose id is that of a query under way, and with QR set: all others are ignored
	Lost     int // without an answer in time, or overtaken by 65,000 others of the same source port
	Failed   int // of Answered: RCODEs other than NOERROR, truncated ones, and those with other than Spec.WantAnswers answers

	Took           time.Duration // how long the queries were sent: For, or longer when the client could not keep up with the rate
	P50, P99, P999 time.Duration // from a query's due time (without a rate: from its sending) to its answer, within 0.1%; see below
	Max            time.Duration // the same of the slowest answer
	Busy           float64       // the share of the time in which the client had something to do; at 1 it may be the client that was slow
}

// Rate is how many answers came a second.
func (r Result) Rate() float64 { return float64(r.Answered) / r.Took.Seconds() }

// Run asks until the time is over, and waits for the answers that are under way. That a port is refused is no error: the queries are lost.
func Run(s Spec) (Result, error) {
	c, err := newClient(s)
	if err != nil {
		return Result{}, err
	}
	defer c.close()
	ended := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread is bound to a core, and ends with the goroutine
		if s.Core != peer.AnyCore {
			if err := peer.Pin(s.Core); err != nil {
				ended <- err
				return
			}
		}
		ended <- c.run()
	}()
	if err := <-ended; err != nil {
		return Result{}, fmt.Errorf("asking %v: %w", s.Server, err)
	}
	return c.finish(), nil
}
