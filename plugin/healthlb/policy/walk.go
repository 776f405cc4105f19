package policy

import "math/bits"

// shareRing is a ring, and what is needed to find candidates on it.
type shareRing struct {
	ring     *ring
	byNumber []int32 // the members in the order of their numbers, see order
	counts   []int   // how many points each member owns
}

func newShareRing(ms []Member, numbers []int32, counts []int) *shareRing {
	return &shareRing{newRing(ms, numbers, counts), inverse(numbers), counts}
}

// sparse is how many times fewer points candidates must own than all members, for a ring of their own to be worth building: up to then
// passing over the others costs a look-up some steps.
const sparse = 8

// walk names the candidates that a client comes by on a ring.
type walk struct {
	ring     *ring
	n, k     int     // how many candidates there are, and how many an answer names at most
	position []int32 // of members among the candidates, or -1; nil when all members are candidates
	byNumber []int32 // see shareRing
	joins    []join  // of each candidate; nil when none is fading in
	steps    int     // how many points of the ring a query looks at, at most
}

// join says which clients go to a candidate already.
type join struct {
	id   identity
	fade float64
}

// walk returns a walk on the ring to k of the candidates, all of which have faded in.
//
// A query looks at no more than walk.steps points. These are enough for practically all clients to find theirs on the ring: several per
// member, up to some 1,000, and 16 for each name. Only clients that nearly all candidates pass over, because they fade in, or that seek
// candidates with next to no points beside one with nearly all, go on as trail says. The number depends on the members and k only,
// so that for one client the order of the candidates stays the same, whoever is eligible.
func (r *shareRing) walk(cs []Candidate, k int) *walk {
	w := &walk{ring: r.ring, n: len(cs), k: min(k, len(cs)), byNumber: r.byNumber}
	count := len(r.ring.points)
	if len(cs) < len(r.byNumber) {
		w.position = positions(cs, len(r.byNumber))
		count = 0
		for _, c := range cs {
			count += r.counts[c.Member]
		}
	}
	if count*sparse < len(r.ring.points) {
		w.ring = r.ring.only(w.position, count)
	}
	if count > 0 && k < len(cs) {
		w.steps = min(1000, 8*len(r.byNumber)) + 16*k
	}
	return w
}

// positions returns the position of each of so many members among the candidates, -1 for those that are none.
func positions(cs []Candidate, members int) []int32 {
	position := make([]int32, members)
	for i := range position {
		position[i] = -1
	}
	for i, c := range cs {
		position[c.Member] = int32(i)
	}
	return position
}

// at returns the position of a member, -1 when it is no candidate.
func (w *walk) at(member int32) int32 {
	if w.position == nil {
		return member
	}
	return w.position[member]
}

// trail is the order in which one client comes by the candidates: those it finds on the ring, some more than once; then all, in the order
// of their numbers, from one on that depends on the client. It does not depend on who has faded in how far, and of those not eligible
// it is only left out: so with k names, a client crosses over to a member that fades in just once, and stays with those it has.
type trail struct {
	*walk
	key     uint64 // who asks
	point   int    // the next one on the ring
	steps   int    // how many points are left to look at
	number  int    // the next one of the members
	numbers int    // how many members are left to look at; negative while it goes along the ring
}

// from returns the trail from a place on, of a client with this key.
func (w *walk) from(place, key uint64) trail {
	t := trail{walk: w, key: key, steps: w.steps, numbers: -1}
	if t.steps > 0 {
		t.point = w.ring.after(place)
	}
	return t
}

// follow appends to list who comes next on the trail, of those that the client has joined and the list does not name yet, until it has so
// many names or the trail ends. On the ring, the processor can be ahead by several points while it waits for memory.
func (t *trail) follow(list []int32, names int, seen marks) []int32 {
	points, position, i := t.ring.points, t.position, t.point
	for ; t.steps > 0 && len(list) < names; t.steps-- {
		x := int32(points[i] & ownerMask)
		if i++; i == len(points) {
			i = 0
		}
		if position != nil {
			x = position[x]
		}
		if x >= 0 && (t.joins == nil || t.joined(x)) && !seen.has(list, x) {
			seen.add(x)
			list = append(list, x)
		}
	}
	t.point = i
	for len(list) < names {
		x, ok := t.rest()
		if !ok {
			break
		}
		if !seen.has(list, x) {
			seen.add(x)
			list = append(list, x)
		}
	}
	return list
}

// first returns whom a client finds first on the ring, or -1 when that is no candidate.
func (w *walk) first(place uint64) int32 {
	if w.steps == 0 {
		return -1
	}
	return w.at(int32(w.ring.points[w.ring.after(place)] & ownerMask))
}

// rest returns the next candidate behind the part of the trail that is on the ring, or false at the end.
func (t *trail) rest() (x int32, ok bool) {
	if t.numbers < 0 {
		t.numbers = len(t.byNumber)
		t.number = int(place(t.key, uint64(t.numbers)))
	}
	for t.numbers > 0 {
		x := t.at(t.byNumber[t.number])
		t.numbers--
		if t.number++; t.number == len(t.byNumber) {
			t.number = 0
		}
		if x >= 0 && t.joined(x) {
			return x, true
		}
	}
	return 0, false
}

// place spreads keys evenly over the whole numbers below n.
func place(key, n uint64) uint64 {
	x, _ := bits.Mul64(mix(key), n)
	return x
}

// joined says whether the client goes to a candidate.
func (t *trail) joined(x int32) bool {
	if t.joins == nil {
		return true
	}
	j := &t.joins[x]
	return j.fade == 1 || j.id.joined(t.key, j.fade)
}
