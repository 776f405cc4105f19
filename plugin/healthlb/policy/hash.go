package policy

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// hash gives each client the same members as long as they are eligible: consistent hashing. Every member owns pointsPerMember points
// of a ring; a client's key is a place on it, and its members are the owners of the next points from there on. The ring knows all
// members; those that are not eligible are passed over, so that losing one moves only its own clients, to the owners of the points that
// follow its own, and they are back with it when it is.
type hash struct {
	members []Member
	full    *ring
}

// pointsPerMember is how many points of the ring each member owns. The shares of the members deviate by about 1/sqrt(pointsPerMember) of
// the mean, 8% here; the test measures it for ten members. Each point costs 12 bytes.
const pointsPerMember = 160

// sparse is how many times fewer eligible members than members there must be, for a ring of their own to be worth building: up to then
// passing over the others costs a look-up some steps.
const sparse = 8

func (h *hash) Members(ms []Member) {
	if h.full != nil && slices.Equal(h.members, ms) {
		return
	}
	h.members = slices.Clone(ms)
	ids := make([]string, len(ms))
	for i, m := range ms {
		ids[i] = m.ID
	}
	h.full = newRing(ids)
}

// Clone shares the ring, which is never changed.
func (h *hash) Clone() Policy { return &hash{h.members, h.full} }

func (h *hash) Picker(cs []Candidate, k int) Picker {
	p := &walk{ring: h.full, n: len(cs), k: min(k, len(cs)), position: make([]int32, len(h.members))}
	for i := range p.position {
		p.position[i] = -1
	}
	for i, c := range cs {
		p.position[c.Member] = int32(i)
	}
	if len(cs)*sparse < len(h.members) {
		p.ring = h.full.only(p.position)
	}
	return p
}

// walk goes round a ring.
type walk struct {
	ring     *ring
	n, k     int     // how many members are eligible, and how many an answer names
	position []int32 // of a member among the eligible, or -1
}

func (w *walk) Pick(q Query, list []int32) (int, []int32) {
	i := w.ring.after(q.Key)
	if w.Room() == 0 {
		_, first := w.next(i)
		return int(first), nil
	}
	seen := newMarks(w.k, w.n)
	for len(list) < w.k {
		var x int32
		if i, x = w.next(i); !seen.has(list, x) {
			seen.add(x)
			list = append(list, x)
		}
	}
	return 0, list
}

// Room implements Picker.
func (w *walk) Room() int {
	if w.k == 1 || w.k == w.n {
		return 0
	}
	return w.k
}

// PerClient implements Picker: when all are named, every client gets the same set.
func (w *walk) PerClient() bool { return w.k < w.n }

// next returns the position of the first eligible member that owns point i or one after it, and the point behind that.
func (w *walk) next(i int) (behind int, position int32) {
	for {
		owner := w.ring.owners[i]
		if i++; i == len(w.ring.owners) {
			i = 0
		}
		if p := w.position[owner]; p >= 0 {
			return i, p
		}
	}
}

// ring is a circle of 2^64 places with points on it.
type ring struct {
	places []uint64 // ascending
	owners []int32  // the member that owns each point
	starts []int32  // for each of a power of two equal arcs, the first point at or behind its beginning
	shift  int      // a place shifted right by this is its arc
}

func newRing(ids []string) *ring {
	type point struct {
		place uint64
		owner int32
	}
	points := make([]point, 0, len(ids)*pointsPerMember)
	var text []byte
	for i, id := range ids {
		for j := range pointsPerMember {
			text = strconv.AppendInt(append(append(text[:0], id...), '-'), int64(j), 10)
			points = append(points, point{xxhash.Sum64(text), int32(i)})
		}
	}
	// Equal places are ordered by id, and not by the order of the members, so that every node makes the same ring.
	slices.SortFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(ids[a.owner], ids[b.owner]))
	})
	r := &ring{places: make([]uint64, len(points)), owners: make([]int32, len(points))}
	for i, p := range points {
		r.places[i], r.owners[i] = p.place, p.owner
	}
	r.divide()
	return r
}

// only returns the ring without the points of members whose position is negative.
func (r *ring) only(position []int32) *ring {
	s := &ring{}
	for i, owner := range r.owners {
		if position[owner] >= 0 {
			s.places = append(s.places, r.places[i])
			s.owners = append(s.owners, owner)
		}
	}
	s.divide()
	return s
}

// divide makes the index of arcs: about one point in each, so that finding a place takes the same few steps on a ring of any size.
func (r *ring) divide() {
	order := bits.Len(uint(len(r.places)))
	r.shift = 64 - order
	r.starts = make([]int32, 1<<order)
	i := int32(0)
	for arc := range r.starts {
		for int(i) < len(r.places) && r.places[i]>>r.shift < uint64(arc) {
			i++
		}
		r.starts[arc] = i
	}
}

// after returns the first point at or behind a place.
func (r *ring) after(place uint64) int {
	i := int(r.starts[place>>r.shift])
	for i < len(r.places) && r.places[i] < place {
		i++
	}
	if i == len(r.places) {
		return 0
	}
	return i
}
