package policy

import "math/bits"

// shareRing is a ring, and what is needed to find candidates on it.
type shareRing struct {
	ring    *ring
	numbers []int32 // of each member, see order
	counts  []int   // how many points each member owns
}

func newShareRing(ms []Member, numbers []int32, counts []int) *shareRing {
	return &shareRing{newRing(ms, numbers, counts), numbers, counts}
}

// sparse is how many times fewer points candidates must own than all members, for a ring of their own to be worth building: up to then
// passing over the others costs a look-up some steps.
const sparse = 8

// walk names the candidates that a client comes by on a ring.
type walk struct {
	ring     *ring
	n, k     int     // how many candidates there are, and how many an answer names at most
	position []int32 // of members among the candidates, by number, or -1
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
	w := &walk{ring: r.ring, n: len(cs), k: min(k, len(cs)), position: make([]int32, len(r.numbers))}
	for i := range w.position {
		w.position[i] = -1
	}
	count := 0
	for i, c := range cs {
		w.position[r.numbers[c.Member]] = int32(i)
		count += r.counts[c.Member]
	}
	if count*sparse < len(r.ring.points) {
		w.ring = r.ring.only(w.position, count)
	}
	if count > 0 && k < len(cs) {
		w.steps = min(1000, 8*len(r.numbers)) + 16*k
	}
	return w
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
	numbers int    // how many members are left to look at
}

// from returns the trail from a place on, of a client with this key.
func (w *walk) from(place, key uint64) trail {
	t := trail{walk: w, key: key, steps: w.steps, numbers: -1}
	if t.steps > 0 {
		t.point = w.ring.after(place)
	}
	return t
}

// next returns the position of the next candidate on the trail that the client has joined, or false at the end.
func (t *trail) next() (position int32, ok bool) {
	for ; t.steps > 0; t.steps-- {
		number := t.ring.points[t.point] & ownerMask
		if t.point++; t.point == len(t.ring.points) {
			t.point = 0
		}
		if p := t.position[number]; p >= 0 && t.joined(p) {
			t.steps--
			return p, true
		}
	}
	if t.numbers < 0 {
		t.numbers = len(t.position)
		t.number = int(place(t.key, uint64(t.numbers)))
	}
	for t.numbers > 0 {
		p := t.position[t.number]
		t.numbers--
		if t.number++; t.number == len(t.position) {
			t.number = 0
		}
		if p >= 0 && t.joined(p) {
			return p, true
		}
	}
	return 0, false
}

// along appends to list who comes first on the ring from a place on, where no one fades in, until the list has so many names. It may end
// with fewer, like the part of a trail that is on the ring. Being one loop, it takes about half the time that
// next does for four names among 10,000 members: the processor can be ahead by several points while it waits for memory.
func (w *walk) along(place uint64, names int, seen marks, list []int32) []int32 {
	if w.steps == 0 {
		return list
	}
	points, i := w.ring.points, w.ring.after(place)
	for steps := w.steps; steps > 0 && len(list) < names; steps-- {
		p := w.position[points[i]&ownerMask]
		if i++; i == len(points) {
			i = 0
		}
		if p >= 0 && !seen.has(list, p) {
			seen.add(p)
			list = append(list, p)
		}
	}
	return list
}

// place spreads keys evenly over the whole numbers below n.
func place(key, n uint64) uint64 {
	x, _ := bits.Mul64(mix(key), n)
	return x
}

// joined says whether the client goes to a candidate.
func (t *trail) joined(p int32) bool {
	if t.joins == nil {
		return true
	}
	j := &t.joins[p]
	return j.fade == 1 || j.id.joined(t.key, j.fade)
}
