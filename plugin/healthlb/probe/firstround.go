package probe

import "time"

// The first round of n targets takes min(n x firstGap, firstRoundMost), if there is CPU for it. The second is to answer queries soon after
// start, which wait for the round; the first, not to send all SYNs in one burst: 20,000 a second is what one core connects, and no switch
// or firewall minds.
//
// A round that is more than firstBehind late goes on from there and takes longer: probes that have a time of their own then wait no longer
// than those of the round. It is some times the loop's grain, and the time that a burst takes.
const (
	firstGap       = 50 * time.Microsecond
	firstRoundMost = time.Second
	firstBehind    = 25 * time.Millisecond
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

// gap is how long after one the next is due.
func (r *firstRound) gap() time.Duration { return min(firstGap, firstRoundMost/time.Duration(r.most)) }

// take removes and returns the entry that is due.
func (r *firstRound) take(now time.Duration) *Entry {
	e := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	e.due = r.next
	if !e.stopped {
		r.next = max(r.next+r.gap(), now-firstBehind)
	}
	if len(r.queue) == 0 {
		r.queue, r.most = nil, 0
	}
	return e
}

// before calls found for all that fall due before the given time, with the time when they do.
func (r *firstRound) before(due time.Duration, found func(*Entry, time.Duration)) {
	at := r.next
	for _, e := range r.queue {
		if at >= due {
			return
		}
		if !e.stopped {
			found(e, at)
			at += r.gap()
		}
	}
}
