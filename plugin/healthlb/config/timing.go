package config

import "time"

const (
	defaultInterval = 5 * time.Second
	defaultConfirm  = time.Second
	minConfirm      = 10 * time.Millisecond // below it, confirming is a flood

	defaultRise = 2
)

// defaultTimeout is a quarter of the interval, but not too short for a way round the world and back, and not so long that
// detection waits for it.
func defaultTimeout(interval time.Duration) time.Duration {
	const short, long = 250 * time.Millisecond, 2 * time.Second
	return min(max(interval/4, min(interval, short)), long)
}

// timing returns interval, timeout and confirm, checked against each other: they may come from different levels.
func (s *settings) timing() (interval, timeout, confirm time.Duration, err error) {
	interval = s.interval.or(defaultInterval)
	timeout = s.timeout.or(defaultTimeout(interval))
	confirm = s.confirm.or(min(defaultConfirm, interval))
	if timeout > interval {
		return 0, 0, 0, s.aboveInterval("timeout", s.timeout, interval)
	}
	if confirm > interval {
		return 0, 0, 0, s.aboveInterval("confirm", s.confirm, interval)
	}
	return interval, timeout, confirm, nil
}

func (s *settings) aboveInterval(word string, d said[time.Duration], interval time.Duration) error {
	of := "the default interval of " + showDuration(interval)
	if s.interval.ok() {
		of = "the interval of " + showDuration(interval) + " at " + s.interval.at.String()
	}
	return d.at.fail(word+" "+showDuration(d.v), fault{"is above " + of, "write at most " + showDuration(interval)})
}

// FailoverBudget is the longest time until clients no longer use a member of this responder's region that died: until its next
// probe begins, until the MIN-th failure, until caches have run out.
func (p *Pool) FailoverBudget() time.Duration {
	minimum := time.Duration(p.Min)
	return p.Interval*5/4 + minimum*p.Timeout + (minimum-1)*p.Confirm + time.Duration(p.TTL)*time.Second
}
