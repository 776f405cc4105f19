package healthlb

import (
	"container/heap"
	"sync"
	"time"
)

// leases are the deadlines of members that registered themselves. They are in memory only: a renewal costs no write to the disk, and after
// a restart each lease runs one full TTL.
//
// A renewal only moves a deadline. The queue learns of it when the old deadline has come: so a renewal is cheap, and the queue has each
// lease once.
type leases struct {
	mu    sync.Mutex // guards what follows
	byKey map[string]*lease
	queue leaseQueue
}

// lease is one of them.
type lease struct {
	key    string
	until  time.Time
	over   bool      // it has run out, and its member is about to be taken out
	queued time.Time // the deadline that the queue knows; not after until
	index  int       // in the queue
}

func newLeases() *leases { return &leases{byKey: make(map[string]*lease)} }

// set begins a lease, or moves its deadline. It returns false when it is too late for that.
func (l *leases) set(key string, until time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byKey[key]
	switch {
	case e == nil:
		e = &lease{key: key, until: until, queued: until}
		l.byKey[key] = e
		heap.Push(&l.queue, e)
		return true
	case e.over:
		return false
	}
	if e.until = until; until.Before(e.queued) {
		e.queued = until
		heap.Fix(&l.queue, e.index)
	}
	return true
}

// claim says whether a lease has run out; then it cannot be renewed any more, and end is to follow.
func (l *leases) claim(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byKey[key]
	if e != nil && !e.until.After(now) {
		e.over = true
	}
	return e != nil && e.over
}

// end forgets a lease.
func (l *leases) end(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byKey[key]; e != nil {
		delete(l.byKey, key)
		heap.Remove(&l.queue, e.index)
	}
}

// len returns how many there are.
func (l *leases) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byKey)
}

// clear forgets all leases.
func (l *leases) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byKey, l.queue = make(map[string]*lease), nil
}

// until returns the deadline of a lease, and false when there is none.
func (l *leases) until(key string) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byKey[key]; e != nil {
		return e.until, true
	}
	return time.Time{}, false
}

// lapsed returns the leases whose deadline has come, and when it is worth to look again; a zero time when there is no lease. A lease that
// has lapsed stays until end.
func (l *leases) lapsed(now time.Time) (keys []string, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var over []*lease
	for len(l.queue) > 0 && !l.queue[0].queued.After(now) {
		e := l.queue[0]
		if e.until.After(now) {
			e.queued = e.until
			heap.Fix(&l.queue, 0)
			continue
		}
		over = append(over, heap.Pop(&l.queue).(*lease))
		keys = append(keys, e.key)
	}
	if len(l.queue) > 0 {
		next = l.queue[0].queued
	}
	for _, e := range over {
		heap.Push(&l.queue, e)
	}
	return keys, next
}

// leaseQueue is a heap by the deadlines that it knows.
type leaseQueue []*lease

func (q leaseQueue) Len() int           { return len(q) }
func (q leaseQueue) Less(i, j int) bool { return q[i].queued.Before(q[j].queued) }
func (q leaseQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *leaseQueue) Push(x any) {
	e := x.(*lease)
	e.index = len(*q)
	*q = append(*q, e)
}
func (q *leaseQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}
