package policy

import "math/bits"

// piles are an urn for long answers, by each measure.
type piles struct {
	wheels [2]*wheel
	trees  [2]sums
	left   [2]uint64 // the sum of what is left
}

func newPiles(weights, faded *wheel) *piles {
	p := &piles{wheels: [2]*wheel{weights, faded}}
	for i, w := range p.wheels {
		p.trees[i], p.left[i] = newSums(w), w.total
	}
	return p
}

// change takes an arc out of the piles, or puts it back.
func (p *piles) change(x int32, out bool) {
	for i, w := range p.wheels {
		arc := w.arc(x)
		if out {
			arc = -arc // in the arithmetic of uint64, adding this takes away
		}
		p.trees[i].add(x, arc)
		p.left[i] += arc
	}
}

// sums is a binary indexed tree (Fenwick, A New Data Structure for Cumulative Frequency Tables, 1994): entry i is the sum of the arcs from
// i with its lowest bit cleared up to i-1; entry 0 is not used.
type sums []uint64

func newSums(w *wheel) sums {
	t := make(sums, len(w.ends)+1)
	for i := 1; i < len(t); i++ {
		t[i] = w.ends[i-1] - w.start(int32(i&(i-1)))
	}
	return t
}

func (t sums) add(x int32, arc uint64) {
	for i := int(x) + 1; i < len(t); i += i & -i {
		t[i] += arc
	}
}

// find returns who owns a point below the sum of all.
func (t sums) find(point uint64) int32 {
	at := 0
	for step := 1 << (bits.Len(uint(len(t)-1)) - 1); step > 0; step >>= 1 {
		if next := at + step; next < len(t) && t[next] <= point {
			at = next
			point -= t[next]
		}
	}
	return int32(at)
}
