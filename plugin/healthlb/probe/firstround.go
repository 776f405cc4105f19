package probe

import "time"

// The first round of n targets takes min(n x firstGap, firstRoundMost). The first is to answer queries soon after start, which wait for
// the round; the second, not to send all SYNs in one burst: 20,000 a second is what one core connects, and no switch or firewall minds.
const (
	firstGap       = 50 * time.Microsecond
	firstRoundMost = time.Second
)

// firstRound is the queue of targets whose first probe is still to come. They are begun at an even pace, in the order in which they
// were added. Stopped entries stay in it until their turn, which takes no time.
type firstRound struct {
	queue []*Entry
	most  int           // the longest that queue has been since it was empty
	next  time.Duration // when the first of queue is due
}

func (r *firstRound) add(e *Entry, now time.Duration) {
	if len(r.queue) == 0 {
		r.next = max(r.next, now)
	}
	r.queue = append(r.queue, e)
	r.most = max(r.most, len(r.queue))
}

func (r *firstRound) due() time.Duration {
	if len(r.queue) == 0 {
		return never
	}
	return r.next
}

// take removes and returns the entry that is due.
func (r *firstRound) take() *Entry {
	e := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	e.due = r.next
	if !e.stopped {
		r.next += min(firstGap, firstRoundMost/time.Duration(r.most))
	}
	if len(r.queue) == 0 {
		r.queue, r.most = nil, 0
	}
	return e
}
