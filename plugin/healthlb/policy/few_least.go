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
	top, sum := f.top(), 0.0
	for i := range f.list {
		sum += f.at(i).fade / top
	}
	c := toss(q, f.fading, top)
	if sum <= float64(f.k) {
		return f.winners(c)
	}
	for named := range f.k {
		f.swap(named, f.draw(q, named, (*rival).byWeight))
		f.swap(named+1, f.draw(q, named+1, (*rival).byWeight))
		switch second, nobody := duel(q.Now, f.rivals, f.list[named], f.list[named+1], c); {
		case nobody:
			f.swap(named, f.draw(q, named, (*rival).byFade))
		case second:
			f.swap(named, named+1)
		}
	}
	return f.k
}

// winners moves those that win their coins to the front. They are everyone when no one fades.
func (f *few) winners(c coins) int {
	named := 0
	for i := range f.list {
		if c.win(f.list[i], f.at(i)) && named < f.k {
			f.swap(named, i)
			named++
		}
	}
	return named
}

// draw returns where in the list one is, drawn from those from a place on with these weights.
func (f *few) draw(q Query, from int, weight func(*rival) float64) int {
	sum := 0.0
	for i := from; i < len(f.list); i++ {
		sum += weight(f.at(i))
	}
	point := unit(q) * sum
	for i := from; i < len(f.list); i++ {
		if point -= weight(f.at(i)); point < 0 {
			return i
		}
	}
	return len(f.list) - 1 // where rounding has left a little over
}
