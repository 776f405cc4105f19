package policy

import "slices"

// random names a uniformly random subset of the members.
type random struct{}

func (random) Members([]Member) {}

func (random) Clone() Policy { return random{} }

func (random) Picker(cs []Candidate, k int) Picker {
	if fading(cs) {
		weights, fades := even(cs)
		return &shares{newSampler(weights, fades, k), true}
	}
	return draws{n: len(cs), k: min(k, len(cs))}
}

// draws is random choice of k among n members.
type draws struct{ n, k int }

// Pick needs one random number when the answer names one member or all, and k lots otherwise (Floyd's algorithm: for each of the last k
// positions j, take a random one up to j, or j itself when that one is taken; every subset is equally likely).
func (d draws) Pick(q Query, list []int32) (int, []int32) {
	if d.Room() == 0 {
		return int(q.Rand(uint64(d.n))), nil
	}
	seen, l := newMarks(d.k, d.n), q.lots()
	for j := d.n - d.k; j < d.n; j++ {
		x := int32(l.draw(uint64(j) + 1))
		if seen.has(list, x) {
			x = int32(j)
		}
		seen.add(x)
		list = append(list, x)
	}
	return 0, list
}

// Room implements Picker.
func (d draws) Room() int {
	if d.k == 1 || d.k == d.n {
		return 0
	}
	return d.k
}

func (draws) PerClient() bool { return false }

// marks remembers which members an answer names already: by looking through the few of a short answer, by a bit each in a long one.
type marks []uint64

// scanned is the length of an answer up to which looking through it is cheaper than a set of bits.
const scanned = 64

func newMarks(k, n int) marks {
	if k <= scanned {
		return nil
	}
	return make(marks, (n+63)/64)
}

func (m marks) has(list []int32, x int32) bool {
	if m == nil {
		return slices.Contains(list, x)
	}
	return m[x/64]&(1<<(x%64)) != 0
}

func (m marks) add(x int32) {
	if m != nil {
		m[x/64] |= 1 << (x % 64)
	}
}
