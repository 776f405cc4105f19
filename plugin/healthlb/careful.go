package healthlb

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.org/healthlb/api"
)

// hangsAfter is how long somebody may take who never waits for anything but a lock, until he is taken to hang. What locks are held for is
// over within milliseconds.
const hangsAfter = time.Second

// careful does things to pools of which one may hang, with its lock held, as no pool should. Then that one stays as it is, and the others go
// on. It is safe for concurrent use.
type careful struct {
	hub  *hub
	stop <-chan struct{}

	mu   sync.Mutex // guards hung
	hung map[*livePool]bool
}

func newCareful(h *hub, stop <-chan struct{}) *careful {
	return &careful{hub: h, stop: stop, hung: make(map[*livePool]bool)}
}

// try does something to a pool. It returns false when the pool hangs: then that is done as soon as it hangs no more, or not at all if it
// had hung before.
func (x *careful) try(p *livePool, do func(*livePool)) (done bool) {
	if x.hangs(p) {
		return false
	}
	over := make(chan struct{})
	x.hub.goroutines.Go(func() {
		do(p)
		if x.goesOn(p, over) {
			x.tell(p, stale, inTime, "Pool %s hangs no more")
		}
	})
	select {
	case <-over:
		return true
	case <-x.stop:
		return false
	case <-time.After(hangsAfter):
	}
	hangs, news := x.stillHangs(p, over)
	if news {
		x.tell(p, inTime, stale, "Pool %s hangs: what it answers stays as it is")
	}
	return !hangs
}

func (x *careful) hangs(p *livePool) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.hung[p]
}

// goesOn notes that something that was done to a pool is over. It returns whether the pool was taken to hang.
func (x *careful) goesOn(p *livePool, over chan<- struct{}) (hung bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	close(over)
	hung = x.hung[p]
	delete(x.hung, p)
	return hung
}

// stillHangs notes that a pool hangs, unless it is over after all. It returns whether that is news, too.
func (x *careful) stillHangs(p *livePool, over <-chan struct{}) (hangs, news bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	select {
	case <-over:
		return false, false
	default:
		news = !x.hung[p]
		x.hung[p] = true
		return true, news
	}
}

func (x *careful) tell(p *livePool, from, to, format string) {
	text := fmt.Sprintf(format, p.Name)
	log.Warning(text)
	x.hub.events.Tell(api.Event{Type: "stale", Pool: p.Name, From: from, To: to, Text: text})
}

// rebuild rebuilds a pool, at once or when it hangs no more.
func (x *careful) rebuild(p *livePool) {
	if !x.try(p, x.hub.rebuildSettled) {
		p.later(new(atomic.Bool), hangsAfter)
	}
}
