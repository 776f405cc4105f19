// Package pace lets long work leave the processor to queries now and then.
package pace

import "time"

const (
	// stretch is how long work goes on without a pause. Go would interrupt it after 10 ms, and look for what has come from the network after
	// as long again: at 5,000 queries a second that is a hundred of them, of the 280 or so that a socket has room for.
	stretch = 2 * time.Millisecond
	// rest is how long a pause is. However short, everything that waits is done first when there is one core only.
	rest = 50 * time.Microsecond
)

// Work is a piece of work that may take long. The zero value has just begun.
type Work struct{ since time.Time }

// Step is called between steps that take less than a millisecond. It pauses when it is time to.
func (w *Work) Step() {
	now := time.Now()
	if w.since.IsZero() {
		w.since = now
	}
	if now.Sub(w.since) >= stretch {
		time.Sleep(rest)
		w.since = time.Now()
	}
}
