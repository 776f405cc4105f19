package healthlb

import (
	"sync/atomic"

	"golang.org/x/time/rate"

	clog "github.com/coredns/coredns/plugin/pkg/log"

	"example.org/healthlb/plugin/healthlb/health"
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

func (l *transitionLog) write(to health.State, text string) {
	if !l.limit.Allow() {
		l.skipped.Add(1)
		return
	}
	if n := l.skipped.Swap(0); n > 0 {
		log.Warningf("%d transitions were not logged, as there were more than %d a second", n, logPerSecond)
	}
	if to == health.Down {
		log.Warning(text)
	} else {
		log.Info(text)
	}
}
