package healthlb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"example.org/healthlb/plugin/healthlb/isolation"
)

const (
	witnessTimeout = time.Second // until a witness that does not answer has failed
	witnessEvery   = time.Second // between two times that they are asked
)

// finding is what came of asking a witness.
type finding struct {
	witness netip.AddrPort
	failed  bool   // it gave no sign of being there
	trouble string // why it failed, or could not be asked; empty: it is there
}

func (f finding) String() string { return f.witness.String() + " " + f.trouble }

// asking asks witnesses, now and then. It belongs to one goroutine.
type asking struct {
	found  chan []finding // what came of it, each time
	wanted bool           // results came in since they were asked last
	text   string         // what the witnesses said the last time that all of them failed
	quiet  rate.Sometimes // tells the log of witnesses that cannot be asked

	busy bool      // they are being asked
	last time.Time // when they were asked last
	ctx  context.Context
	end  context.CancelFunc
}

func newAsking() *asking {
	a := &asking{found: make(chan []finding, 1), quiet: rate.Sometimes{Interval: time.Minute}}
	a.ctx, a.end = context.WithCancel(context.Background())
	return a
}

// close returns when nobody is being asked any more.
func (a *asking) close() {
	a.end()
	if a.busy {
		<-a.found
	}
}

// begin has the witnesses asked, if the guard has doubts. It returns when it should be called again; the zero time: when something has
// happened.
func (a *asking) begin(g *isolation.Guard, witnesses []netip.AddrPort, now time.Time) (again time.Time) {
	if a.busy || !a.wanted || len(witnesses) == 0 || !g.Doubts(now) {
		return again
	}
	if due := a.last.Add(witnessEvery); due.After(now) {
		return due
	}
	a.busy, a.wanted, a.last = true, false, now
	go func() { a.found <- askAll(a.ctx, witnesses) }()
	return again
}

// heard takes in what came of asking. It returns whether all witnesses fail.
func (a *asking) heard(found []finding) bool {
	a.busy = false
	for _, f := range found {
		if !f.failed && f.trouble != "" {
			a.quiet.Do(func() { log.Warningf("The witness %s cannot be asked: %s", f.witness, f.trouble) })
		}
	}
	if slices.ContainsFunc(found, func(f finding) bool { return !f.failed }) {
		return false
	}
	a.text = findingsText(found)
	return true
}

// mostFindings is how many witnesses a text names.
const mostFindings = 5

func findingsText(found []finding) string {
	var texts []string
	for _, f := range found[:min(mostFindings, len(found))] {
		texts = append(texts, f.String())
	}
	if more := len(found) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}

// askAll asks all witnesses at once.
func askAll(ctx context.Context, witnesses []netip.AddrPort) []finding {
	ctx, cancel := context.WithTimeout(ctx, witnessTimeout)
	defer cancel()
	found := make([]finding, len(witnesses))
	var all sync.WaitGroup
	for i, w := range witnesses {
		all.Go(func() { found[i] = askWitness(ctx, w) })
	}
	all.Wait()
	return found
}

// unasked is what the kernel says when it is this host that cannot ask, though it may be connected: out of descriptors, of memory, of local
// ports, or forbidden by its own firewall.
var unasked = [...]syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EPERM,
}

// askWitness connects to a witness. Whoever refuses is there.
func askWitness(ctx context.Context, witness netip.AddrPort) finding {
	d := net.Dialer{KeepAlive: -1, FallbackDelay: -1}
	conn, err := d.DialContext(ctx, "tcp", witness.String())
	var errno syscall.Errno
	switch {
	case err == nil:
		conn.(*net.TCPConn).SetLinger(0) // so that nothing stays behind in TIME_WAIT
		conn.Close()
		return finding{witness: witness}
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return finding{witness: witness}
	case ctx.Err() != nil || !errors.As(err, &errno):
		return finding{witness, true, fmt.Sprintf("gave no answer within %v", witnessTimeout)}
	default:
		return finding{witness, !slices.Contains(unasked[:], errno), errno.Error()}
	}
}
