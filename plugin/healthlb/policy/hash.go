package policy

import (
	"math/bits"
	"slices"
)

// hash gives each client the same members as long as they are eligible: consistent hashing. Every member owns points of a ring by its
// weight; a client's key is a place on it, and its members are the owners of the next points from there on. The ring knows all members;
// those that are not eligible are passed over, so that losing one moves only its own clients, to the owners of the points that follow
// its own, and they are back with it when it is. A member that fades in is passed over by the clients that have not joined it yet.
type hash struct {
	members  []Member
	ids      []identity
	main     *shareRing // of the members with a weight
	standbys *shareRing // of those without: they are candidates only when no other is
	factor   float64    // see Spec
	shard    int        // see Spec
}

func (h *hash) Members(ms []Member) {
	if h.main != nil && slices.Equal(h.members, ms) {
		return
	}
	h.members, h.ids = slices.Clone(ms), identities(ms)
	numbers := order(ms)
	h.main = newShareRing(ms, numbers, countsByWeight(ms))
	h.standbys = newShareRing(ms, numbers, countsAlike(ms, func(m Member) bool { return m.Weight == 0 }))
}

// Clone shares the rings, which are never changed.
func (h *hash) Clone() Policy {
	c := *h
	return &c
}

func (h *hash) Picker(cs []Candidate, k int) Picker {
	r := h.main
	if !slices.ContainsFunc(cs, func(c Candidate) bool { return h.members[c.Member].Weight > 0 }) {
		r = h.standbys
	}
	seen, confine := k, h.shard > 0 && h.shard < len(cs)
	if confine {
		seen = h.shard
	}
	w := r.walk(cs, seen)
	if fading(cs) {
		w.joins = joins(h.ids, cs)
	}
	if confine {
		return &confined{walk: w, rivals: rivals(h.members, cs), names: min(k, h.shard), bounds: bounded(h.factor)}
	}
	if h.factor > 0 {
		return newBalance(w, h.members, cs, h.factor)
	}
	return w
}

// countsByWeight returns how many points each member owns. A weight stands for pointsPerMember, divided by the mean weight rounded down
// to a power of two. So a ring has at most twice pointsPerMember for each of its members, and one more where a small weight is rounded
// up; small changes of the weights or the membership leave the points of all others as they are; and weights of 1 mean just
// pointsPerMember.
func countsByWeight(ms []Member) []int {
	sum, weighty := 0, 0
	for _, m := range ms {
		if m.Weight > 0 {
			sum += m.Weight
			weighty++
		}
	}
	counts := make([]int, len(ms))
	if weighty == 0 {
		return counts
	}
	shift := bits.Len(uint(sum/weighty)) - 1
	for i, m := range ms {
		if m.Weight > 0 {
			counts[i] = max(1, m.Weight*pointsPerMember>>shift)
		}
	}
	return counts
}

// countsAlike returns pointsPerMember for the members that belong, and 0 for others.
func countsAlike(ms []Member, belongs func(Member) bool) []int {
	counts := make([]int, len(ms))
	for i, m := range ms {
		if belongs(m) {
			counts[i] = pointsPerMember
		}
	}
	return counts
}

// joins returns which clients go to each candidate.
func joins(ids []identity, cs []Candidate) []join {
	js := make([]join, len(cs))
	for i, c := range cs {
		js[i] = join{ids[c.Member], c.Fade}
	}
	return js
}

// Pick implements Picker.
func (w *walk) Pick(q Query, list []int32) (int, []int32) {
	if w.all() {
		// Every client gets the same set, so Key is not there to choose the first; turns spread those who take only that.
		return int(q.Turn.Add(1) % uint64(w.n)), nil
	}
	if w.k == 1 && w.joins == nil {
		if x := w.first(q.Key); x >= 0 {
			return int(x), nil
		}
	}
	t := w.from(q.Key, q.Key)
	if w.k == 1 {
		var one [1]int32
		return int(t.follow(one[:0], 1, nil)[0]), nil
	}
	return 0, t.follow(list, w.k, newMarks(w.k, w.n))
}

// all says whether each answer names every candidate.
func (w *walk) all() bool { return w.k == w.n && w.joins == nil }

// Room implements Picker.
func (w *walk) Room() int {
	if w.k == 1 || w.all() {
		return 0
	}
	return w.k
}

// PerClient implements Picker.
func (w *walk) PerClient() bool { return !w.all() }
