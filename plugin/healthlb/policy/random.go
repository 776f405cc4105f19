package policy

import "slices"

// random names a uniformly random subset of the members.
type random struct{}

func (random) Members([]string) {}

func (random) Clone() Policy { return random{} }

func (random) Picker(eligible []int32) Picker { return draws(len(eligible)) }

// draws is random choice among so many members.
type draws int

// Pick needs one draw when the answer names one member or all, and k draws otherwise (Floyd's algorithm: for each of the last k
// positions j, take a random one up to j, or j itself when that one is taken; every subset is equally likely).
func (n draws) Pick(q Query, k int) (int, []int32) {
	if k == 1 || k == int(n) {
		return int(q.Rand(uint64(n))), nil
	}
	list := make([]int32, 0, k)
	seen := newMarks(k, int(n))
	for j := int(n) - k; j < int(n); j++ {
		x := int32(q.Rand(uint64(j) + 1))
		if seen.has(list, x) {
			x = int32(j)
		}
		seen.add(x)
		list = append(list, x)
	}
	return 0, list
}

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
