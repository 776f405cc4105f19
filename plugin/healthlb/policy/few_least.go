package policy

// leastOf is least among a few. It says whether reports count.
type leastOf bool

// choose names the winners of duels.
func (reports leastOf) choose(q Query, f few) int {
	named := f.duels(q, bool(reports))
	part := lease(named)
	for i := range named {
		f.at(i).load.reserve(q, part, -1)
	}
	return named
}

// duels moves the winners of k duels to the front, each of two drawn from those that are left.
func (f *few) duels(q Query, reports bool) int {
	if f.k == len(f.list) {
		return f.k
	}
	l, sum := q.lots(), 0.0
	for i := range f.list {
		sum += f.at(i).weight
	}
	for named := range f.k {
		f.swap(named, f.draw(&l, named, sum))
		a := f.at(named)
		f.swap(named+1, f.draw(&l, named+1, sum-a.weight))
		if b := f.at(named + 1); a.busier(b, q.Now, reports) {
			f.swap(named, named+1)
			a = b
		}
		sum -= a.weight
	}
	return f.k
}

// draw returns where in the list one is, drawn by weight from those from a place on; sum is their weight.
func (f *few) draw(l *lots, from int, sum float64) int {
	point := float64(l.draw(1<<53)) / (1 << 53) * sum
	for i := from; i < len(f.list); i++ {
		if point -= f.at(i).weight; point < 0 {
			return i
		}
	}
	return len(f.list) - 1 // where rounding has left a little over
}
