package pool

import (
	"math"
	"slices"
	"time"
)

// leastFade is what a member's share begins with: 1%, so that there is always something to tell it by.
const leastFade = 0.01

// Of returns how much of its share a member has that came up so long ago: (age/Over)^Exponent, from leastFade to 1.
func (f FadeIn) Of(age time.Duration) float64 {
	if age >= f.Over {
		return 1
	}
	return max(leastFade, math.Pow(max(0, age.Seconds()/f.Over.Seconds()), f.Exponent))
}

// Step is after which time members that fade in are given their new shares: a hundredth of the whole, and not more often than the
// largest pools can be rebuilt.
func (f FadeIn) Step() time.Duration { return max(f.Over/100, 50*time.Millisecond) }

// faded gives each candidate its share at a moment. The largest is 1: where all have come up just now, and where there is only one, nobody
// has to wait.
func (f FadeIn) faded(cs []candidate, now time.Time) []candidate {
	if f.Over == 0 {
		return cs
	}
	shares := slices.Clone(cs)
	most := 0.0
	for i := range shares {
		shares[i].fade = f.of(shares[i].address.usage, now)
		most = max(most, shares[i].fade)
	}
	if most < 1 {
		for i := range shares {
			shares[i].fade /= most
		}
	}
	return shares
}

// of returns how much of its share an address has.
func (f FadeIn) of(u *usage, now time.Time) float64 {
	cameUp := u.cameUp.Load()
	if f.Over == 0 || cameUp == 0 {
		return 1
	}
	return f.Of(sinceEpoch(now) - time.Duration(cameUp))
}

// settle ends the fading in of an address that has its whole share, so that no later FadeIn begins it anew.
func (f FadeIn) settle(u *usage, now time.Time) {
	if f.of(u, now) == 1 {
		u.cameUp.Store(0)
	}
}

// epoch is what moments are counted from where they are kept as numbers: times of day would jump when the clock is set.
var epoch = time.Now()

func sinceEpoch(t time.Time) time.Duration { return t.Sub(epoch) }

// comesUp notes that health lets an address be answered with that it did not before. A member fades in from the moment on at which the
// first of its families came up: it is the server that has to warm up, and its A and AAAA records are given to the same clients. New
// members of a pool that was there before fade in; at the start of the process nobody does.
func (m *member) comesUp(f Family, unknownBefore bool, now time.Time) {
	a := m.addresses[f]
	if unknownBefore && !a.late {
		return
	}
	for other, b := range m.addresses {
		if b != nil && Family(other) != f && b.state.Serving() {
			a.usage.cameUp.Store(b.usage.cameUp.Load())
			return
		}
	}
	a.usage.cameUp.Store(int64(sinceEpoch(now)))
}
