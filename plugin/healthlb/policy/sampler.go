package policy

import (
	"math"
	"math/bits"
	"slices"
)

// sampler names members so that each is in its share of the answers. It is systematic sampling: a circle has an arc for each member, as
// long as its share, and an answer names the owners of k points on it, one gap apart. The gap is as long as the longest arc, so that
// nobody owns two of them. Over one cycle of queries the first point is everywhere once, and so is each other: the shares are exact.
// With equal arcs the points name runs of members, and their number is that of the members, as with round_robin.
type sampler struct {
	*wheel
	gap    uint64
	points int    // how many points an answer has
	nobody int32  // the position that stands for no one, behind the last candidate; nobody may have an arc
	step   uint64 // from one query's first point to the next one's; coprime to the circumference
}

// grain is how many points of the circle stand for being in every answer, when shares are no ratios of small numbers: while members fade.
const grain = 1 << 32

// newSampler makes a sampler for k names an answer of candidates with weights above 0.
func newSampler(weights []int, fades []float64, k int) *sampler {
	whole := uint64(grain)
	var arcs []uint64
	if slices.Min(fades) == 1 {
		arcs, whole = exactArcs(weights, k)
	} else {
		arcs = fadingArcs(inclusion(weights, fades, k))
	}
	return samplerOf(arcs, whole)
}

// samplerOf makes a sampler of arcs of which none is longer than whole, the length that stands for being in every answer. Where they
// leave a part of a whole over, some answers name one member less.
func samplerOf(arcs []uint64, whole uint64) *sampler {
	s := &sampler{nobody: int32(len(arcs)), gap: slices.Max(arcs)}
	sum := uint64(0)
	for _, arc := range arcs {
		sum += arc
	}
	if rest := sum % whole; rest != 0 {
		arcs = append(arcs, whole-rest)
		sum += whole - rest
		s.gap = whole
	}
	s.points = int(sum / whole)
	s.wheel = newWheel(arcs)
	s.step = goldenStep(s.total)
	return s
}

// exactArcs returns the shares of members that have all faded in, as ratios of whole numbers to whole: the heaviest, which an answer
// cannot name more than once, are in each; the others share what is left by weight.
func exactArcs(weights []int, k int) (arcs []uint64, whole uint64) {
	arcs = make([]uint64, len(weights))
	capped := make([]bool, len(weights))
	for {
		left, sum := uint64(k), uint64(0)
		for i, w := range weights {
			if capped[i] {
				left--
			} else {
				sum += uint64(w)
			}
		}
		more := false
		for i, w := range weights {
			if !capped[i] && uint64(w)*left >= sum {
				capped[i], more = true, true
			}
		}
		if more {
			continue
		}
		divisor := sum
		for i, w := range weights {
			arcs[i] = sum
			if !capped[i] {
				arcs[i] = uint64(w) * left
			}
			divisor = gcd(divisor, arcs[i])
		}
		if divisor == 0 { // everyone is in every answer
			for i := range arcs {
				arcs[i] = 1
			}
			return arcs, 1
		}
		for i := range arcs {
			arcs[i] /= divisor
		}
		return arcs, sum / divisor
	}
}

// fadingArcs returns shares of 0 to 1 as parts of grain. What rounding leaves over when their sum is whole is taken from, or given to,
// the longest that has room for it.
func fadingArcs(shares []float64) []uint64 {
	arcs := make([]uint64, len(shares))
	exact, sum := 0.0, uint64(0)
	widest := -1
	for i, s := range shares {
		arcs[i] = max(1, min(grain, uint64(math.Round(s*grain))))
		exact += s
		sum += arcs[i]
		if arcs[i] < grain-uint64(len(shares)) && (widest < 0 || arcs[i] > arcs[widest]) {
			widest = i
		}
	}
	if whole := math.Round(exact); math.Abs(exact-whole) < 1e-9*float64(len(shares)) && widest >= 0 {
		arcs[widest] += uint64(whole)*grain - sum // in the arithmetic of uint64 this may as well be less
	}
	return arcs
}

// reduce divides arcs by what they have in common.
func reduce(arcs []uint64) {
	divisor := uint64(0)
	for _, arc := range arcs {
		if divisor = gcd(divisor, arc); divisor == 1 {
			return
		}
	}
	for i := range arcs {
		arcs[i] /= divisor
	}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// goldenStep returns a step that comes by every point of a circle once before it returns, and is as near to the golden section as that
// allows: then the points of any stretch of queries lie evenly.
func goldenStep(total uint64) uint64 {
	step := uint64(math.Round(float64(total) / math.Phi))
	for step > 1 && gcd(step, total) != 1 {
		step--
	}
	return max(step, 1)
}

// first returns the first point of the query whose turn it is.
func (s *sampler) first(turn uint64) uint64 {
	hi, lo := bits.Mul64(turn%s.total, s.step)
	_, point := bits.Div64(hi, lo, s.total)
	return point
}

// pick appends the owners of the points of a query to list.
func (s *sampler) pick(first uint64, list []int32) []int32 {
	point := first
	for range s.points {
		if owner := s.at(point); owner != s.nobody {
			list = append(list, owner)
		}
		if point += s.gap; point >= s.total {
			point -= s.total
		}
	}
	return list
}
