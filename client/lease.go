package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.org/healthlb/api"
)

// Lease is a registration that is kept alive.
type Lease struct {
	c *Client
	r Registration // TTL is not 0

	ctx   context.Context // ends when it is time to leave
	leave context.CancelFunc
	late  context.Context // ends a little later, so that what is under way can be brought to its end
	end   func()          // of both, and of c
	done  chan struct{}   // closed when all is over

	// What follows is used by one goroutine at a time: Register's, and then keep's.
	addresses  []string         // the member's; empty: not found yet
	id         string           // empty: never registered
	registered bool             // as far as the responder has said
	until      time.Time        // when the lease lapses, by this machine's clock
	said       api.Registration // the responder's last word, without the secret
	period     time.Duration    // of the lease, as granted
	looks      int              // how many firstLooks are left
	wait       backoff

	mu     sync.Mutex // guards what follows
	now    Change
	secret string
	err    error
}

func newLease(ctx context.Context, c *Client, own bool, r Registration) *Lease {
	if r.TTL == 0 {
		r.TTL = defaultTTL
	}
	l := &Lease{c: c, r: r, addresses: r.Addresses, secret: r.Secret, period: r.TTL, done: make(chan struct{})}
	l.wait = backoff{pace: c.pace, most: min(r.TTL/2, c.pace.retryMax)}
	l.said = api.Registration{Pool: r.Pool}
	var cancel context.CancelFunc
	l.ctx, l.leave = context.WithCancel(ctx)
	l.late, cancel = outlast(l.ctx, c.pace.farewell)
	l.end = func() {
		l.leave()
		cancel()
		if own {
			c.Close()
		}
	}
	return l
}

// keep keeps the lease alive, after a first step that ended with err, and leaves at the end.
func (l *Lease) keep(err error) {
	defer close(l.done)
	defer l.end()
	for sleep(l.ctx, l.pause(err)) {
		err = l.step()
		if l.ctx.Err() != nil && err != nil { // cut off by the end
			break
		}
		if l.never(err) {
			l.finish(err)
			return
		}
		l.tell(err)
	}
	l.finish(l.goodbye())
}

// pause is how long to wait after a step: a third of the lease, more or less a tenth of that, so that servers started together do not all
// come together; after one that failed, the next wait of the back-off.
func (l *Lease) pause(err error) time.Duration {
	if err != nil {
		return l.wait.next()
	}
	l.wait.reset()
	wait := l.period / 3
	if !l.said.Served && l.looks > 0 {
		l.looks--
		wait = min(wait, firstLook)
	}
	return time.Duration(float64(wait) * (0.9 + 0.2*l.c.pace.random()))
}

// A member that has just registered waits for its first pass. How it stands then is asked for sooner than it has to renew, a few times.
const (
	firstLook  = time.Second
	firstLooks = 3
)

// never tells whether an error means that what was asked for can never be. Once it was possible, nothing means that: a token may be
// wrong while it is being replaced.
func (l *Lease) never(err error) bool {
	return err != nil && l.id == "" && (isRefusal(err) || errors.Is(err, errNoOwn))
}

// step does what is due: it renews, and where there is nothing to renew registers.
func (l *Lease) step() error {
	if l.registered {
		err := l.renew()
		if !IsStatus(err, http.StatusNotFound, http.StatusForbidden) {
			return err
		}
		l.registered = false // it has lapsed, or is somebody else's by now
		l.tell(err)
	}
	return l.register()
}

func (l *Lease) register() error {
	ctx, cancel := withTimeout(l.late, l.patience()) // not l.ctx: an answer that is lost is a secret that is lost, and nobody could leave
	defer cancel()
	if len(l.addresses) == 0 {
		own, err := OwnAddresses(ctx, l.c.server.shown)
		if err != nil {
			return err
		}
		l.addresses = own
	}
	sent := time.Now()
	r, err := l.c.PostRegistration(ctx, l.r.Pool, l.r.spec(l.addresses), l.Secret())
	if err != nil {
		return err
	}
	l.take(r, sent)
	l.looks = firstLooks
	return nil
}

func (l *Lease) renew() error {
	ctx, cancel := withTimeout(l.ctx, l.patience())
	defer cancel()
	sent := time.Now()
	r, err := l.c.RenewRegistration(ctx, l.r.Pool, l.id, l.Secret())
	if err != nil {
		return err
	}
	l.take(r, sent)
	return nil
}

// patience is how long a call may take: with a third of the lease there are two more before it lapses.
func (l *Lease) patience() time.Duration { return max(l.period/3, time.Second) }

// take takes in what the responder says of a call sent at a time.
func (l *Lease) take(r api.Registration, sent time.Time) {
	l.registered, l.id = true, r.ID
	if r.Lease != nil && r.Lease.TTL > 0 && r.Lease.TTL <= maxTTL.Seconds() {
		l.period = time.Duration(r.Lease.TTL * float64(time.Second))
	}
	l.until = sent.Add(l.period)
	if r.Secret != "" {
		l.mu.Lock()
		l.secret = r.Secret
		l.mu.Unlock()
		if l.r.OnSecret != nil {
			l.r.OnSecret(r.Secret)
		}
	}
	r.Secret = ""
	l.said = r
}

// tell says how things stand after a step.
func (l *Lease) tell(err error) {
	l.change(Change{Registered: l.registered && time.Now().Before(l.until), Registration: l.said, Err: err})
}

// finish says that it is over.
func (l *Lease) finish(err error) {
	l.mu.Lock()
	l.err = err
	l.mu.Unlock()
	l.change(Change{Left: true, Registration: l.said, Err: err})
}

// change remembers how things stand, and tells it if it is new.
func (l *Lease) change(next Change) {
	l.mu.Lock()
	same := next.same(l.now)
	l.now = next
	l.mu.Unlock()
	if !same && l.r.OnChange != nil {
		l.r.OnChange(next)
	}
}

// goodbye leaves. What was never registered, as far as is known, needs none.
func (l *Lease) goodbye() error {
	if l.id == "" {
		return nil
	}
	ctx, cancel := withTimeout(l.late, l.c.pace.farewell)
	defer cancel()
	left, err := l.c.DeleteRegistration(ctx, l.r.Pool, l.id, l.Secret())
	l.said.SafeAfter = left.SafeAfter
	if err != nil && !IsStatus(err, http.StatusNotFound) {
		return fmt.Errorf("the registration of %s in the pool %s is left to lapse: %w", l.id, l.r.Pool, err)
	}
	return nil
}

// Leave ends the registration, waits until that is done, 5 seconds at most, and returns Err. It may be called more than once, but not by
// OnChange.
func (l *Lease) Leave() error {
	l.leave()
	<-l.done
	return l.Err()
}

// Done is closed when the registration is over and nothing more will be done for it.
func (l *Lease) Done() <-chan struct{} { return l.done }

// Err is nil until Done is closed. Then it is nil when the server has left; else it says why it could not leave, or why the
// registration was given up.
func (l *Lease) Err() error {
	select {
	case <-l.done:
	default:
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Now is how the registration stands.
func (l *Lease) Now() Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// Secret is what the responder wants to be shown of whoever renews: for a program that starts anew before its lease has lapsed. Empty:
// not registered yet.
func (l *Lease) Secret() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.secret
}
