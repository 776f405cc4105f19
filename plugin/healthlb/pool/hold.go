package pool

import (
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// settle sets what follows from the slots at a moment at which a result came in. It returns whether a fall has just begun to hold the
// address down, or goes on to. flap is how long the first hold-down is; 0: there are none.
func (a *address) settle(now time.Time, flap time.Duration) (held bool) {
	before := a.checked
	a.look()
	if flap > 0 && health.Fell(before, a.checked) {
		var falls health.Flap
		if a.flap != nil {
			falls = *a.flap
		}
		falls = falls.Fall(now, flap)
		a.flap = &falls
	}
	held = now.Before(a.heldUntil())
	a.hold(held)
	return held
}

// hold sets the state that counts: an address that is to be held down is down although its checks pass.
func (a *address) hold(held bool) {
	a.held = held && a.checked.Serving()
	if a.state = a.checked; a.held {
		a.state = health.Down
	}
	a.excused = a.isExcused()
}

// heldUntil returns until when the address is held down at least, the zero time when it does not flap.
func (a *address) heldUntil() time.Time {
	if a.flap == nil || len(a.slots) == 0 {
		return time.Time{}
	}
	return a.flap.Until(a.slots[0].Pool.Flap)
}

// flapText says in words that the address flaps. It is held down until a time of this day or the next, so that the hour is enough.
func (a *address) flapText() string {
	return a.flap.String() + ", held down until " + a.heldUntil().Add(time.Second-1).UTC().Format("15:04:05 UTC")
}
