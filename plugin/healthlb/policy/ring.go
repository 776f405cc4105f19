package policy

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// ring is a circle of 2^64 places with points on it, each of which a member owns. A key is a place too; the owners of the points from
// there on are its members.
type ring struct {
	points []uint64 // ascending: the place of each point, with the number of its owner in the lowest ownerBits
	starts []int32  // for each of a power of two equal arcs, the first point in it or behind it; at last, the number of points
	shift  int      // a place shifted right by this is its arc
}

// ownerBits are enough for 16 million members. The rest of a place tells 2^40 places apart: of a million keys on a ring of a million
// points, one falls on the wrong side of a point, and that alike on every node.
const (
	ownerBits = 24
	ownerMask = 1<<ownerBits - 1
)

// pointsPerMember is how many points of the ring a member of weight 1 owns when all have that. The shares of the members deviate by about
// 1/sqrt(pointsPerMember) of the mean, 8% here; the test measures it for ten members. A point costs 9 to 10 bytes.
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

// newRing makes a ring on which each member owns as many points as counts says. The places of a member's points depend on its ID only.
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
	r := &ring{points: make([]uint64, len(points))}
	r.divide(points)
	next := slices.Clone(r.starts)
	for _, p := range points {
		arc := p >> r.shift
		r.points[next[arc]] = p
		next[arc]++
	}
	for arc, start := range r.starts[1:] {
		slices.Sort(r.points[r.starts[arc]:start])
	}
	return r
}

// divide makes the index of arcs for points in any order: two to four points in each, so that finding a place takes the same few steps on
// a ring of any size, and most often reads two lines of memory.
func (r *ring) divide(points []uint64) {
	order := max(0, bits.Len(uint(len(points)))-2)
	r.shift = 64 - order
	r.starts = make([]int32, 1<<order+1)
	for _, p := range points {
		r.starts[p>>r.shift+1]++
	}
	for arc := range r.starts[1:] {
		r.starts[arc+1] += r.starts[arc]
	}
}

// only returns the ring without the points of those whose position, by number, is negative; count is how many are left.
func (r *ring) only(position []int32, count int) *ring {
	s := &ring{points: make([]uint64, 0, count)}
	for _, p := range r.points {
		if position[p&ownerMask] >= 0 {
			s.points = append(s.points, p)
		}
	}
	s.divide(s.points)
	return s
}

// after returns the first point at or behind a place.
func (r *ring) after(place uint64) int {
	place &^= ownerMask
	i := int(r.starts[place>>r.shift])
	for i < len(r.points) && r.points[i] < place {
		i++
	}
	if i == len(r.points) {
		return 0
	}
	return i
}
