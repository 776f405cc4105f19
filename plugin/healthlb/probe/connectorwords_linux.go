//go:build !386 && !s390x

package probe

import (
	"context"
	"os"
	"syscall"
	"time"
)

// words are the results of connections that could not be made, put into words as for any check, once for each error number.
type words map[syscall.Errno]Result

// of returns the result for an error; 0 for none.
func (w words) of(errno syscall.Errno, r Route) Result {
	a := attempt{ctx: context.Background(), route: r}
	switch errno {
	case 0:
		return Result{}
	case syscall.ENETUNREACH: // means this or that, by the route
		return a.connectFailed(errno)
	}
	result, known := w[errno]
	if !known {
		result = a.connectFailed(errno)
		w[errno] = result
	}
	return result
}

// timedOut returns the result of a connection that did not come about in time.
func timedOut(start time.Time, timeout time.Duration) Result {
	a := attempt{ctx: deadline{context.Background(), start.Add(timeout)}, start: start}
	return a.failed("connect", os.ErrDeadlineExceeded)
}

// deadline is a context that says when it ends, and does not.
type deadline struct {
	context.Context
	at time.Time
}

// Deadline implements context.Context.
func (d deadline) Deadline() (time.Time, bool) { return d.at, true }
