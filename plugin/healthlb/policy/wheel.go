package policy

import (
	"math/bits"
	"slices"
)

// wheel finds who owns a point of a circle that is divided into arcs, one for each position, in the same few steps however many there
// are.
type wheel struct {
	ends   []uint64 // where each arc ends and the next begins
	starts []int32  // for each of a power of two equal sectors, the arc in which it begins; nil when each arc is one point
	shift  int      // a point shifted right by this is its sector
	total  uint64   // the circumference
}

// newWheel makes a wheel of arcs with at least one point in all; their sum must not overflow.
func newWheel(arcs []uint64) *wheel {
	w := &wheel{ends: make([]uint64, len(arcs))}
	for i, arc := range arcs {
		w.total += arc
		w.ends[i] = w.total
	}
	if w.total == uint64(len(arcs)) && !slices.Contains(arcs, 0) {
		return w
	}
	// About as many sectors as arcs: a point anywhere on the wheel has on average no more than one end of an arc before it in its sector.
	w.shift = max(0, bits.Len64(w.total-1)-bits.Len(uint(len(arcs))))
	w.starts = make([]int32, (w.total-1)>>w.shift+1)
	i := int32(0)
	for sector := range w.starts {
		for w.ends[i] <= uint64(sector)<<w.shift {
			i++
		}
		w.starts[sector] = i
	}
	return w
}

// at returns the position whose arc holds a point below total.
func (w *wheel) at(point uint64) int32 {
	if w.starts == nil {
		return int32(point)
	}
	i := w.starts[point>>w.shift]
	for w.ends[i] <= point {
		i++
	}
	return i
}

// start returns the first point of a position's arc.
func (w *wheel) start(i int32) uint64 {
	if i == 0 {
		return 0
	}
	return w.ends[i-1]
}

// arc returns how many points a position owns.
func (w *wheel) arc(i int32) uint64 { return w.ends[i] - w.start(i) }
