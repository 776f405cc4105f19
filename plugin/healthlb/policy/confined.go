package policy

// confined is hash where each client sees so many members only: the first ones that it comes by on its walk. So it names the same ones as
// without; but with balance, a client whose members are full is not sent beyond them.
type confined struct {
	*walk          // to as many as a client sees
	rivals []rival // all candidates
	names  int     // how many an answer names at most
	bounds bounded // 0: none
}

// Shard implements Sharder.
func (c *confined) Shard(key uint64, list []int32) []int32 {
	t := c.from(key, key)
	return t.follow(list, c.k, nil)
}

// Pick implements Picker.
func (c *confined) Pick(q Query, list []int32) (int, []int32) {
	if c.bounds == 0 {
		t := c.from(q.Key, q.Key)
		return 0, t.follow(list, c.names, nil)
	}
	list = c.Shard(q.Key, list)
	return 0, list[:c.bounds.choose(q, few{rivals: c.rivals, list: list, k: min(c.names, len(list))})]
}

// Room implements Picker.
func (c *confined) Room() int {
	if c.bounds == 0 {
		return c.names
	}
	return c.k
}

// PerClient implements Picker.
func (*confined) PerClient() bool { return true }

// bounded is the factor of balance among a few. The leases of which each has its fair share are those of the few.
type bounded float64

// choose names the first that are within their bounds.
func (b bounded) choose(q Query, f few) int {
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
