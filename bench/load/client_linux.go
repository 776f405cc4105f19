package load

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

const (
	// sockets is how many source ports the queries come from. Servers with several sockets on one port (SO_REUSEPORT) get them spread by
	// that.
	sockets = 4
	// batchSize is how many messages a system call sends or reads at most. The first one that is sent waits for the last one.
	batchSize = 32
	// patience is how long there is nothing to do before others may have the core. It is longer than fast servers take for an answer, as
	// it may take milliseconds to get the core back; and it is little of the milliseconds that a server on the same core then has.
	patience = 20 * time.Microsecond
	// defaultWindow is that of dnsperf.
	defaultWindow  = 100
	defaultTimeout = time.Second
	// longest is up to where latencies are told apart: longer ones count as that.
	longest = time.Hour
)

// client is one run. All times are relative to the moment from which on queries count.
type client struct {
	Spec
	lines   []*line
	in, out *batch
	due     [batchSize]time.Duration // of the queries that are sent together
	zero    time.Time

	asked, underWay int // queries sent so far, and those of them that are neither answered nor lost
	warm, total     int // queries to be sent with a rate: before zero, and in all

	result    Result
	latencies *hdrhistogram.Histogram // in nanoseconds
	most      time.Duration           // of the latencies
	idle      time.Duration           // while queries were sent
}

func newClient(s Spec) (*client, error) {
	if s.For <= 0 || min(s.Warm, s.Timeout) < 0 || s.Rate < 0 || s.Window < 0 {
		return nil, fmt.Errorf("for %v after %v, %v queries a second, %d at once, a timeout of %v: none may be negative, nor the first be 0",
			s.For, s.Warm, s.Rate, s.Window, s.Timeout)
	}
	if !s.Server.IsValid() {
		return nil, errors.New("there is nobody to ask")
	}
	size := 0 // of the longest query
	for _, query := range s.Queries {
		if len(query) < headerSize {
			return nil, fmt.Errorf("a query of %d bytes is no DNS message", len(query))
		}
		size = max(size, len(query))
	}
	if size == 0 {
		return nil, errors.New("there is nothing to ask")
	}
	s.Window, s.Timeout = cmp.Or(s.Window, defaultWindow), cmp.Or(s.Timeout, defaultTimeout)
	c := &client{
		Spec: s, in: newBatch(batchSize, headerSize), out: newBatch(batchSize, size),
		warm: s.dueIn(s.Warm), total: s.dueIn(s.Warm) + s.dueIn(s.For),
		latencies: hdrhistogram.New(1, int64(longest), 3),
	}
	n := min(sockets, s.Window)
	for i := range n {
		l, err := newLine(s.Server)
		if err != nil {
			c.close()
			return nil, err
		}
		l.window = (s.Window + i) / n // all together: s.Window
		c.lines = append(c.lines, l)
	}
	return c, nil
}

// dueIn is how many queries are due in a time, with a rate.
func (s *Spec) dueIn(d time.Duration) int { return int(s.Rate*d.Seconds() + 0.5) }

func (c *client) close() {
	for _, l := range c.lines {
		unix.Close(l.fd)
	}
}

// run visits the lines in turn, and does what there is to do.
func (c *client) run() error {
	c.zero = time.Now().Add(c.Warm)
	last, useful := -c.Warm, -c.Warm // the last visit, and the last one that found something to do
	for sending, visit := true, 0; sending || c.underWay > 0; visit++ {
		l := c.lines[visit%len(c.lines)]
		received, err := c.in.receive(l.fd)
		if err != nil {
			return err
		}
		now := time.Since(c.zero)
		if sending && useful < last && received == 0 {
			c.idle += now - last
		}
		last = now
		c.giveUp(l, now)
		for i := range received {
			c.take(l, c.in.message(i), now)
		}
		due := c.dueOn(l, now)
		if err := c.send(l, due, now); err != nil {
			return err
		}
		if sending && c.hasSent(now) {
			sending, c.result.Took = false, max(now, c.For)
		}
		if received > 0 || len(due) > 0 {
			useful = now
		} else if now-useful > patience {
			yield()
		}
	}
	return nil
}

// hasSent says whether all queries are sent.
func (c *client) hasSent(now time.Duration) bool {
	if c.Rate > 0 {
		return c.asked == c.total
	}
	return now >= c.For
}

// dueOn returns when the queries were due that are to be sent on a line now, at most a batch of them.
func (c *client) dueOn(l *line, now time.Duration) []time.Duration {
	due := c.due[:0]
	if c.Rate == 0 {
		for c.For > now && len(due) < min(batchSize, l.window-l.underWay) {
			due = append(due, now)
		}
		return due
	}
	for len(due) < batchSize && c.asked+len(due) < c.total {
		next := time.Duration(float64(c.asked+len(due)-c.warm) / c.Rate * float64(time.Second))
		if next > now {
			break
		}
		due = append(due, next)
	}
	return due
}

// send sends queries on a line, as many as the system takes. The others stay due.
func (c *client) send(l *line, due []time.Duration, now time.Duration) error {
	if len(due) == 0 {
		return nil
	}
	for i := range due {
		c.out.set(i, c.Queries[(c.asked+i)%len(c.Queries)], l.id(i))
	}
	sent, err := c.out.send(l.fd, len(due))
	if err != nil {
		return err
	}
	for _, at := range due[:sent] {
		l.add(at, now)
		if at >= 0 {
			c.result.Sent++
		}
	}
	c.asked += sent
	c.underWay += sent
	return nil
}

// take is told of a message that has come.
func (c *client) take(l *line, m header, now time.Duration) {
	if !m.isReply() {
		return
	}
	due, ok := l.take(m.id())
	if !ok {
		return
	}
	c.underWay--
	if due < 0 {
		return
	}
	c.result.Answered++
	if m.hasFailed(c.WantAnswers) {
		c.result.Failed++
	}
	c.result.Max = max(c.result.Max, now-due)
	c.record(now - due)
}

func (c *client) record(latency time.Duration) {
	latency = min(latency, longest)
	c.most = max(c.most, latency)
	c.latencies.RecordValue(int64(latency)) // which fails with longer ones only
}

// giveUp counts those queries on a line as lost that are not answered in time. Their latency is how long they have waited, but the timeout
// at least.
func (c *client) giveUp(l *line, now time.Duration) {
	for {
		due, ok := l.expire(now - c.Timeout)
		if !ok {
			return
		}
		c.underWay--
		if due >= 0 {
			c.result.Lost++
			c.record(max(now-due, c.Timeout))
		}
	}
}

func (c *client) finish() Result {
	r := c.result
	r.P50, r.P99, r.P999 = c.quantile(50), c.quantile(99), c.quantile(99.9)
	r.Busy = 1 - float64(c.idle)/float64(c.Warm+r.Took)
	return r
}

// quantile is the upper end of the histogram's bucket, which may be above all that was seen.
func (c *client) quantile(percent float64) time.Duration {
	return min(c.most, time.Duration(c.latencies.ValueAtQuantile(percent)))
}

// yield lets others have the core, if any wait for it.
func yield() { unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
