package policy

import (
	"math"
	"math/bits"
)

// lots are the random numbers of one query, all drawn out of one: then each costs a third of what Rand takes. They are SplitMix64's, see
// mix.
type lots uint64

// lots returns the lots of a query.
func (q Query) lots() lots { return lots(q.Rand(math.MaxUint64)) }

// draw returns a number from 0 up to n. That 2^64 is no multiple of n makes no share of them larger or smaller by more than 1/2^64.
func (l *lots) draw(n uint64) uint64 {
	x, _ := bits.Mul64(mix(uint64(*l)), n)
	*l += golden
	return x
}
