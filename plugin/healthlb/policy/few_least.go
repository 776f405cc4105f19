package policy

// chooseLeast names the winners of duels: least.
func chooseLeast(q Query, f few) int {
	named := f.duels(q)
	part := lease(named)
	for i := range named {
		f.at(i).load.reserve(q, part, -1)
	}
	return named
}

// duels moves the winners of k duels to the front, each of two drawn from those that are left.
func (f *few) duels(q Query) int {
	if f.k == len(f.list) {
		return f.k
	}
	for named := range f.k {
		f.swap(named, f.draw(q, named))
		f.swap(named+1, f.draw(q, named+1))
		if f.at(named).busier(f.at(named+1), q.Now) {
			f.swap(named, named+1)
		}
	}
	return f.k
}

// draw returns where in the list one is, drawn by weight from those from a place on.
func (f *few) draw(q Query, from int) int {
	sum := 0.0
	for i := from; i < len(f.list); i++ {
		sum += f.at(i).weight
	}
	point := unit(q) * sum
	for i := from; i < len(f.list); i++ {
		if point -= f.at(i).weight; point < 0 {
			return i
		}
	}
	return len(f.list) - 1 // where rounding has left a little over
}
