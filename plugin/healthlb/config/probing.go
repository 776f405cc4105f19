package config

import (
	"net/netip"
	"time"

	"example.org/healthlb/plugin/healthlb/pool"
)

// defaultFlap is the first hold-down of a member that flaps: about as long as three of its falls take to show at the default interval.
const defaultFlap = time.Minute

// orOff returns a parser of what parse takes, and of off, which is nothing.
func orOff[T any](parse func(string) (T, error)) func(string) (T, error) {
	return func(s string) (T, error) {
		if s == off {
			var none T
			return none, nil
		}
		return parse(s)
	}
}

// parseTripwire parses nothing, which turns it on, or off.
func parseTripwire(a *args) (bool, error) {
	if !a.more() {
		return true, nil
	}
	return take(a, off, func(s string) (bool, error) {
		if s != off {
			return false, unknown(s, "in a tripwire line", []string{off})
		}
		return false, nil
	})
}

// parseSource parses ADDR [ADDR], one for each family.
func parseSource(a *args) (source [pool.Families]netip.Addr, err error) {
	for n := 0; n == 0 || a.more(); n++ {
		addr, err := take(a, "ADDR", parseServerAddr)
		if err != nil {
			return source, err
		}
		f := pool.FamilyOf(addr)
		if source[f].IsValid() {
			return source, a.fail(fault{"is a second " + family(addr) + " address", "name at most one of each family"})
		}
		source[f] = addr
	}
	return source, nil
}

// checkBudget refuses a pool whose worst case is longer than its budget.
func (p *Pool) checkBudget(budget said[time.Duration]) error {
	worst := p.FailoverBudget()
	if budget.v == 0 || worst <= budget.v {
		return nil
	}
	return budget.at.fail("budget "+showDuration(budget.v), fault{
		"is shorter than the worst case of pool " + p.Name + " (at " + p.Where + "), which is " + showDuration(worst) +
			": 1.25 x interval + MIN x timeout + (MIN-1) x confirm + ttl",
		"make one of these smaller, or the budget longer",
	})
}
