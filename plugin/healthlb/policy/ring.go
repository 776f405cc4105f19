package policy

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// ring is a circle of 2^64 places with points on it, each of which a member owns. A key is a place too; the owners of the points from
// there on are its members.
//
// To find a place takes one look at the index, which is small enough for a cache, and one at the points next to where the place should be
// if those of an arc were spread evenly: seldom is it off by more than a few. So that most often reads one or two lines of memory
// (64 bytes on amd64 and most of arm64) on a ring of any size.
type ring struct {
	points []uint64 // ascending: the place of each point, with the index of its owner in the lowest ownerBits; there is room for a window
	starts []int32  // for each of a power of two equal arcs, the first point in it or behind it; at last, the number of points
	order  int      // of which power; so many of the highest bits of a place are its arc
}

// ownerBits are enough for 16 million members. The rest of a place tells 2^40 places apart: of a million keys on a ring of a million
// points, one falls on the wrong side of a point, and that alike on every node.
const (
	ownerBits = 24
	ownerMask = 1<<ownerBits - 1
)

// pointsPerMember is how many points of the ring a member of weight 1 owns when all have that. The shares of the members deviate by about
// 1/sqrt(pointsPerMember) of the mean, 8% here; the test measures it for ten members. A point costs 8 to 9 bytes.
const pointsPerMember = 160

// order numbers members by their IDs: what depends on the order of members on a ring is then the same on every node, whatever the order
// there that they are told in.
func order(ms []Member) (numbers []int32) {
	byID := make([]int32, len(ms))
	for i := range byID {
		byID[i] = int32(i)
	}
	slices.SortFunc(byID, func(a, b int32) int { return strings.Compare(ms[a].ID, ms[b].ID) })
	numbers = make([]int32, len(ms))
	for number, i := range byID {
		numbers[i] = int32(number)
	}
	return numbers
}

// newRing makes a ring on which each member owns as many points as counts says. The places of a member's points depend on its ID only;
// of points in one place, those of smaller numbers come first.
func newRing(ms []Member, numbers []int32, counts []int) *ring {
	total := 0
	for _, n := range counts {
		total += n
	}
	points := make([]uint64, 0, total)
	var text []byte
	for i, m := range ms {
		text = append(append(text[:0], m.ID...), '-')
		for j := range counts[i] {
			place := xxhash.Sum64(strconv.AppendInt(text, int64(j), 10))
			points = append(points, place&^ownerMask|uint64(numbers[i]))
		}
	}
	r := &ring{points: make([]uint64, total, total+len(window{}))}
	r.divide(points, bits.Len(uint(total))-2) // into arcs small enough to be sorted fast
	next := slices.Clone(r.starts)
	for _, p := range points {
		arc := r.arc(p)
		r.points[next[arc]] = p
		next[arc]++
	}
	for arc, start := range r.starts[1:] {
		slices.Sort(r.points[r.starts[arc]:start])
	}
	byNumber := inverse(numbers)
	for i, p := range r.points {
		r.points[i] = p&^ownerMask | uint64(byNumber[p&ownerMask])
	}
	r.coarsen()
	return r
}

// inverse returns who has each number.
func inverse(numbers []int32) []int32 {
	members := make([]int32, len(numbers))
	for i, number := range numbers {
		members[number] = int32(i)
	}
	return members
}

// divide makes the index of so many arcs, or one, for points in any order.
func (r *ring) divide(points []uint64, order int) {
	r.order = max(0, order)
	r.starts = make([]int32, 1<<r.order+1)
	for _, p := range points {
		r.starts[r.arc(p)+1]++
	}
	for arc := range r.starts[1:] {
		r.starts[arc+1] += r.starts[arc]
	}
}

// arc returns which arc a place is in.
func (r *ring) arc(place uint64) int { return int(place >> (64 - r.order)) }

// coarsen leaves 8 to 16 points in each arc.
func (r *ring) coarsen() {
	fine := r.order
	r.order = max(0, bits.Len(uint(len(r.points)))-4)
	starts := make([]int32, 1<<r.order+1)
	for arc := range starts {
		starts[arc] = r.starts[arc<<(fine-r.order)]
	}
	r.starts = starts
}

// only returns the ring without the points of those whose position is negative; count is how many are left.
func (r *ring) only(position []int32, count int) *ring {
	s := &ring{points: make([]uint64, 0, count+len(window{}))}
	for _, p := range r.points {
		if position[p&ownerMask] >= 0 {
			s.points = append(s.points, p)
		}
	}
	s.divide(s.points, bits.Len(uint(count))-4)
	return s
}

// near returns where a window is in which the first point at or behind a place most often is.
func (r *ring) near(place uint64) int {
	arc := r.arc(place)
	start := int(r.starts[arc])
	ahead, _ := bits.Mul64(place<<r.order, uint64(int(r.starts[arc+1])-start))
	return max(0, start+int(ahead)-len(window{})/2)
}

// fetch has the processor read what is needed to find a place, while it goes on to the next.
func (r *ring) fetch(place uint64) {
	atomic.LoadUint64(&r.points[:cap(r.points)][r.near(place)+len(window{})/2])
}

// after returns the first point at or behind a place.
func (r *ring) after(place uint64) int {
	place &^= ownerMask
	from := r.near(place)
	i := from + (*window)(r.points[from:from+len(window{})]).before(place)
	// Where the place is beyond the window, it is found step by step. So are the points at the end, behind which the window is empty.
	i = min(i, len(r.points))
	for i < len(r.points) && r.points[i] < place {
		i++
	}
	for i > 0 && r.points[i-1] >= place {
		i--
	}
	if i == len(r.points) {
		return 0
	}
	return i
}

// window is a few points in a row.
type window [8]uint64

// before returns how many points are before a place. It has no branches: which way they go, no processor could foresee.
func (w *window) before(place uint64) int {
	_, a := bits.Sub64(w[0], place, 0)
	_, b := bits.Sub64(w[1], place, 0)
	_, c := bits.Sub64(w[2], place, 0)
	_, d := bits.Sub64(w[3], place, 0)
	_, e := bits.Sub64(w[4], place, 0)
	_, f := bits.Sub64(w[5], place, 0)
	_, g := bits.Sub64(w[6], place, 0)
	_, h := bits.Sub64(w[7], place, 0)
	return int(a + b + c + d + e + f + g + h)
}
