package policy

import (
	"math"
	"slices"
)

// few are the candidates that one client sees, at most MaxShard.
type few struct {
	rivals []rival    // all candidates
	ids    []identity // theirs
	list   []int32    // the positions of those that the client sees, in the order drawn; at least one
	k      int        // how many an answer names at most; no more than there are in list
}

// choose moves those of a few whom the answer to a query names to the front of the list, and returns how many they are.
type choose func(Query, few) int

// choices has what each policy does with a few, but for hash, whose own order says who they are. Policies that give everyone a turn draw
// lots here, since each client sees another few and has no turns of its own.
var choices = map[string]func(Spec) choose{
	"round_robin": func(Spec) choose { return chooseRun },
	"random":      func(Spec) choose { return chooseAny },
	"weighted":    func(Spec) choose { return chooseByWeight },
	"failover":    func(Spec) choose { return chooseFirst },
	"least":       func(s Spec) choose { return leastOf(s.Report > 0).choose },
}

// at returns what is known of number i in the list.
func (f *few) at(i int) *rival { return &f.rivals[f.list[i]] }

// swap exchanges two in the list.
func (f *few) swap(i, j int) { f.list[i], f.list[j] = f.list[j], f.list[i] }

// joined moves those that the client has joined by now to the front, in the order they have, and returns how many they are. A fade counts
// relative to the largest in the list, so that each client has someone to go to. Fading in is by client whatever the policy: so A and AAAA
// records name the same servers meanwhile.
func (f *few) joined(key uint64) int {
	top, joined := 0.0, 0
	for i := range f.list {
		top = max(top, f.at(i).fade)
	}
	for i := range f.list {
		if fade := f.at(i).fade; fade == top || f.ids[f.list[i]].joined(key, fade/top) {
			f.swap(joined, i)
			joined++
		}
	}
	return joined
}

// chooseFirst names the first in the order of the members: failover.
func chooseFirst(_ Query, f few) int {
	slices.Sort(f.list)
	return f.k
}

// chooseRun names a run, in the order of the members, from a random one on: round robin.
func chooseRun(q Query, f few) int {
	slices.Sort(f.list)
	start := int(q.Rand(uint64(len(f.list))))
	var run [MaxShard]int32
	n := copy(run[:], f.list[start:])
	copy(run[n:], f.list[:start])
	return copy(f.list[:f.k], run[:])
}

// chooseAny names a random subset: random.
func chooseAny(q Query, f few) int {
	l := q.lots()
	for i := range f.k {
		f.swap(i, i+int(l.draw(uint64(len(f.list)-i))))
	}
	return f.k
}

// chooseByWeight names each in proportion to its weight, but no one more often than in each answer; what is left over goes to the others:
// weighted. It is systematic sampling: on a line on which each has its share, the owners of the points u, u+1, u+2 ... are named, for a
// random u.
func chooseByWeight(q Query, f few) int {
	var shares [MaxShard]float64
	f.include(&shares)
	end := unit(q)
	named := 0
	for i := range f.list {
		begin := end
		end += shares[i]
		// The sum of the shares may miss a whole number by an error of rounding, so that one too many would be named.
		if math.Floor(end) > math.Floor(begin) && named < f.k {
			f.swap(named, i)
			named++
		}
	}
	return max(named, 1)
}

// include sets shares to the part of the answers that each in the list is named in, which see inclusion. It goes through the list again
// as long as more reach their limit: some few times.
func (f *few) include(shares *[MaxShard]float64) {
	for scale, last := 0.0, -1.0; scale > last; {
		left, points := float64(f.k), 0.0 // what is to be shared among those below their limit, and by what
		for i := range f.list {
			w := f.at(i).weight
			if shares[i] = min(1, w*scale); shares[i] == 1 {
				left--
			} else {
				points += w
			}
		}
		last = scale
		if points > 0 {
			scale = left / points
		}
	}
}

// unit draws a number from 0 up to 1.
func unit(q Query) float64 { return float64(q.Rand(1<<53)) / (1 << 53) }
