package pool

import "time"

// healthy leaves out who fails its checks, or was not probed yet.
func healthy(cs []candidate, frozen time.Time) []candidate {
	return keep(cs, func(c candidate) bool { return c.address.able(frozen) })
}

// able says whether health lets an address be answered with: its own or, while the responder takes itself to be cut off, what was known
// before. frozen is since when; zero: it does not.
func (a *address) able(frozen time.Time) bool { return a.state.Serving() || a.frozen(frozen) }

// frozen says whether an address that fell did so when the responder was cut off already, and counts as before.
func (a *address) frozen(since time.Time) bool {
	return a.fell && !since.IsZero() && !a.since.Before(since)
}
