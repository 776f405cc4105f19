package isolation

import "time"

// Freeze is the time of one isolation, as pools see it: a pool's states are frozen from Since on, and then have time to thaw.
type Freeze struct {
	Since time.Time // when the first failure began
	Begun time.Time // when that was noticed
	Ended time.Time // zero: not yet
}

// Frozen returns since when states are frozen; the zero time: they are not. freezes are in the order of time. What fell while isolated has
// to pass a few times before its own results bring it back; so the states thaw for a while behind the end of isolation, and only then what
// has not come back counts as down. One that is isolated anew while they thaw is frozen since the first time.
func Frozen(freezes []Freeze, thaw time.Duration, now time.Time) (since time.Time) {
	next := now
	for i := len(freezes) - 1; i >= 0; i-- {
		f := freezes[i]
		if !f.Ended.IsZero() && !next.Before(f.Ended.Add(thaw)) {
			break
		}
		if since.IsZero() || f.Since.Before(since) {
			since = f.Since
		}
		next = f.Begun
	}
	return since
}
