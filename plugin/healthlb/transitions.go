package healthlb

import (
	"sync/atomic"

	"golang.org/x/time/rate"

	clog "github.com/coredns/coredns/plugin/pkg/log"

	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/pool"
)

var log = clog.NewWithPlugin("healthlb")

// How many transitions are logged: a burst when a network fails, and then no more than a person can read.
const (
	logBurst     = 100
	logPerSecond = 10
)

// transitionLog writes a line for each transition, or, when there are too many, how many were left out.
type transitionLog struct {
	limit   *rate.Limiter
	skipped atomic.Int64
}

func newTransitionLog() *transitionLog {
	return &transitionLog{limit: rate.NewLimiter(logPerSecond, logBurst)}
}

func (l *transitionLog) transition(t *pool.Transition) {
	if !l.limit.Allow() {
		l.skipped.Add(1)
		return
	}
	if n := l.skipped.Swap(0); n > 0 {
		log.Warningf("%d transitions were not logged, as there were more than %d a second", n, logPerSecond)
	}
	write := log.Infof
	if t.To == health.Down {
		write = log.Warningf
	}
	if t.Reason == "" {
		write("Pool %s member %s %s %s: %s -> %s", t.Pool, t.Member, t.Family, t.Address, t.From, t.To)
		return
	}
	write("Pool %s member %s %s %s: %s -> %s: %s", t.Pool, t.Member, t.Family, t.Address, t.From, t.To, t.Reason)
}
