package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// pace is how long things take here, and by how much that varies.
type pace struct {
	retry, retryMax time.Duration  // the waits before another try grow from one to the other
	farewell        time.Duration  // how long a goodbye may take after a context has ended
	silence         time.Duration  // after so long without a byte a stream is taken for dead
	lease, renew    time.Duration  // of a held block: how long it is put for, and how often
	call            time.Duration  // how long a call may take that is one of many, so that one that hangs does not cost the lease
	poll, beat      time.Duration  // of a rollout: how often the client looks, and tells that it is there
	gone            time.Duration  // of a rollout: how long there may be no trace of it before it is taken for lost
	random          func() float64 // in [0, 1)
}

// standard is the pace in force. The responder comments on a quiet stream every 15 seconds, and abandons a rollout of whose client it has
// not heard for 30.
var standard = pace{
	retry: 500 * time.Millisecond, retryMax: 30 * time.Second, farewell: 5 * time.Second, silence: 45 * time.Second,
	lease: time.Minute, renew: 20 * time.Second, call: 5 * time.Second,
	poll: time.Second, beat: 4 * time.Second, gone: 30 * time.Second,
	random: rand.Float64,
}

// backoff is the waits between tries that fail: each is drawn between the shortest and a limit that doubles, so that many clients of one
// responder that comes back do not come all at once.
type backoff struct {
	pace
	most  time.Duration // the longest wait; pace.retry at least
	limit time.Duration // of the last wait; 0: there was none
}

// next is how long to wait before the next try.
func (b *backoff) next() time.Duration {
	b.limit = max(2*b.limit, 2*b.retry)
	b.limit = max(min(b.limit, b.most), b.retry)
	return b.retry + time.Duration(b.random()*float64(b.limit-b.retry))
}

// reset begins anew, after a try that succeeded.
func (b *backoff) reset() { b.limit = 0 }

// sleep waits, and tells whether ctx lasted as long.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// outlast returns a context that ends so much later than ctx does. Whoever gets it cancels it.
func outlast(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		sleep(late, d)
		cancel()
	})
	return late, func() { stop(); cancel() }
}
