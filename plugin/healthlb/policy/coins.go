package policy

import "math"

// coins fall the same way for a candidate throughout one answer, so that naming several is not several tries for one that fades in.
type coins struct {
	salt identity
	top  float64 // the largest fade
}

// toss returns the coins for one answer; they are of use only where someone fades in.
func toss(l *lots, fading bool, top float64) coins {
	if !fading {
		return coins{top: top}
	}
	return coins{identity(l.draw(math.MaxUint64)), top}
}

// win says whether a candidate's coin falls for it: as often as its fade says.
func (c coins) win(x int32, r *rival) bool {
	return r.fade == c.top || c.salt.joined(uint64(x), r.fade/c.top)
}
