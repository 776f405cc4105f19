package policy

import "math"

// chooseByHash names those to whom a client's key gives the best scores: weighted rendezvous hashing (the logarithmic
// method), which needs no ring of the few.
func chooseByHash(q Query, f few) int {
	f.rank(q.Key, f.k)
	return f.k
}

// scoreSalt keeps the scores apart from the fading in of members, which looks at the same key and member. It is the fraction of the square
// root of 5.
const scoreSalt = 0x3c6ef372fe94f82b

// rank puts the n of best scores to the front, the best first. A score is exponentially distributed with the weight as rate, so that the
// smallest is a member's as often as its weight says.
func (f *few) rank(key uint64, n int) {
	var scores [MaxShard]float64
	for i := range f.list {
		r := f.at(i)
		scores[i] = -math.Log((float64(mix(key^uint64(r.id)^scoreSalt)>>11)+1)/(1<<53)) / r.weight
	}
	for i := range min(n, len(f.list)) {
		best := i
		for j := i + 1; j < len(f.list); j++ {
			if scores[j] < scores[best] {
				best = j
			}
		}
		f.swap(i, best)
		scores[i], scores[best] = scores[best], scores[i]
	}
}

// bounded is the factor of balance among a few. The leases of which each has its fair share are those of the few.
type bounded float64

// choose names those of the best scores that are within their bounds.
func (b bounded) choose(q Query, f few) int {
	f.rank(q.Key, len(f.list))
	var limits [MaxShard]int64
	b.limits(q, &f, &limits)
	part, named := lease(f.k), 0
	for i := 0; i < len(f.list) && named < f.k; i++ {
		if f.at(i).load.reserve(q, part, limits[i]) {
			f.swap(named, i)
			limits[named], limits[i] = limits[i], limits[named]
			named++
		}
	}
	for named < f.k {
		// As fewer does on the ring: the smaller an answer, the larger the lease of each.
		if !q.Dry {
			for i := range named {
				f.at(i).load.give(part)
			}
		}
		if named == 0 {
			return b.leastFilled(q, &f)
		}
		f.k, named = named, 0
		part = lease(f.k)
		for i := range f.k {
			if f.at(i).load.reserve(q, part, limits[i]) {
				f.swap(named, i)
				limits[named], limits[i] = limits[i], limits[named]
				named++
			}
		}
	}
	return named
}

// limits sets the bound of each in the list.
func (b bounded) limits(q Query, f *few, limits *[MaxShard]int64) {
	var shares [MaxShard]float64
	f.include(&shares)
	sum, whole := int64(One), 0.0
	for i := range f.list {
		sum += f.at(i).load.Leases(q.Now)
		whole += shares[i]
	}
	for i := range f.list {
		limits[i] = bound(float64(b)*shares[i]/whole, sum)
	}
}

// leastFilled names the one of the fewest leases for its weight and fade.
func (b bounded) leastFilled(q Query, f *few) int {
	for i := range f.list {
		if f.at(0).fuller(f.at(i), q.Now) {
			f.swap(0, i)
		}
	}
	f.at(0).load.reserve(q, One, -1)
	return 1
}
