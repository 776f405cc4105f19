package healthlb

import (
	"sync"
	"time"
)

// dirty collects pools whose members changed, and has each rebuilt once for many changes: when a hundred members fall together, the
// pool makes a few new snapshots and not a hundred.
type dirty struct {
	mu    sync.Mutex // guards pools
	pools map[*livePool]struct{}
	wake  chan struct{}
}

func newDirty() *dirty {
	return &dirty{pools: make(map[*livePool]struct{}), wake: make(chan struct{}, 1)}
}

func (d *dirty) add(p *livePool) {
	d.mu.Lock()
	d.pools[p] = struct{}{}
	d.mu.Unlock()
	wake(d.wake)
}

func (d *dirty) take() map[*livePool]struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.pools
	d.pools = make(map[*livePool]struct{})
	return taken
}

// maxRest bounds the rest after rebuilding, and with it what the rest adds to the time a change takes to show.
const maxRest = 50 * time.Millisecond

// run rebuilds until stop is closed. It rests after each round for as long as the round took, so that even the largest pools under the
// worst flapping leave half a core alone.
func (d *dirty) run(rebuild func(*livePool), stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-d.wake:
		}
		began := time.Now()
		for p := range d.take() {
			rebuild(p)
		}
		select {
		case <-stop:
			return
		case <-time.After(min(time.Since(began), maxRest)):
		}
	}
}
