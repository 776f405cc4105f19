package health

import (
	"fmt"
	"math"
	"time"
)

// What makes a member one that flaps, and how long that is held against it.
const (
	manyFalls  = 3                // a fall counts when it is at least the third
	fallWindow = 10 * time.Minute // within so long
	halfLife   = 10 * time.Minute // in which the penalty halves without a fall
	longHold   = 10 * time.Minute // no hold-down is longer, unless the first one is
)

// Fell says whether a change of state is a fall: checks have failed so often that a member is taken out that was served. One that says it
// wants no traffic has not fallen.
func Fell(from, to State) bool { return from.Serving() && to == Down }

// Flap remembers the falls of a member, by its checks, whether it is held down meanwhile or not. A fall that is at least the third within
// 10 minutes holds the member down for the time D that its pool says, times a penalty: 1 at first, doubled by each such fall, and halved
// with each 10 minutes without one. The zero Flap remembers no fall.
type Flap struct {
	falls        int       // how many came so close one upon another
	last, before time.Time // the last fall, and the one before it
	from         time.Time // the last fall that holds the member down
	penalty      float64   // of that one, at least 1; 0: there is none
}

// Fall returns what is remembered after one more fall. D is above 0.
func (f Flap) Fall(at time.Time, d time.Duration) Flap {
	next := Flap{falls: min(f.falls+1, maxCount), last: at, before: f.last, from: f.from, penalty: f.penalty}
	if next.falls >= manyFalls && at.Sub(f.before) > fallWindow {
		next.falls = manyFalls - 1
	}
	if next.falls < manyFalls {
		return next
	}
	decay := math.Exp2(-float64(max(0, at.Sub(f.from))) / float64(halfLife))
	most := max(1, float64(longHold)/float64(d)) // a larger penalty would only take longer to be forgotten
	next.from, next.penalty = at, min(max(1, 2*f.penalty*decay), most)
	return next
}

// Until returns until when the member is held down at least; the zero time when no fall holds it down.
func (f Flap) Until(d time.Duration) time.Time {
	if f.penalty == 0 || d == 0 {
		return time.Time{}
	}
	return f.from.Add(time.Duration(min(float64(d)*f.penalty, float64(max(d, longHold)))))
}

// String says how the member flaps, while it does.
func (f Flap) String() string { return fmt.Sprintf("flapping: fell %d times", f.falls) }
