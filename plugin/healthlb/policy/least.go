package policy

import "math"

// least names the less loaded of two members drawn at random: the power of two choices. What is known of loads is old by up to a TTL, and
// naming the least loaded of all would send everyone to the same one until that shows; of two, it spreads nearly as well.
type least struct {
	members []Member
	reports bool // what members report of their load counts
}

func (l *least) Members(ms []Member) { l.members = ms }

func (l *least) Clone() Policy { return &least{l.members, l.reports} }

func (l *least) Picker(cs []Candidate, k int) Picker {
	d := &duels{rivals: rivals(l.members, cs), k: min(k, len(cs)), fading: fading(cs), reports: l.reports}
	weights, faded, sum := make([]uint64, len(cs)), make([]uint64, len(cs)), 0.0
	for i, r := range d.rivals {
		weights[i] = uint64(r.weight)
		faded[i] = max(1, uint64(math.Round(r.weight*r.fade*fadeGrain)))
		sum += r.fade
	}
	reduce(weights)
	d.weights = newWheel(weights)
	if d.faded = d.weights; d.fading {
		d.faded = newWheel(faded)
		d.scant = sum <= float64(d.k)
	}
	return d
}

// fadeGrain is how finely fading divides a weight. The sum over 100 million members of the largest weight would still fit.
const fadeGrain = 1 << 20

// duels names k members by a duel each: of two drawn by weight among those not yet named, the less busy one wins, the first when both are
// alike. One that fades in must win its coin besides; else it is the other's turn, and when that fades in and loses its coin too, one draw
// by weight x fade decides.
type duels struct {
	rivals  []rival
	k       int
	fading  bool
	reports bool
	scant   bool   // the fades add up to no more than k: each member is named as often as its fade says
	weights *wheel // by weight
	faded   *wheel // by weight x fade
}

func (d *duels) Pick(q Query, list []int32) (int, []int32) {
	n := len(d.rivals)
	if d.k == n && !d.fading {
		for i := range d.rivals {
			d.rivals[i].load.reserve(q, lease(n), -1)
		}
		return int(q.Rand(uint64(n))), nil
	}
	l := q.lots()
	c := toss(&l, d.fading, 1)
	if d.k == 1 {
		x := d.name(q, &l, c, nil)
		d.rivals[x].load.reserve(q, One, -1)
		return int(x), nil
	}
	switch {
	case d.scant:
		list = d.winners(&l, c, list)
	case d.k <= retried:
		for range d.k {
			list = append(list, d.name(q, &l, c, list))
		}
	default:
		list = d.nameMany(q, &l, c, list)
	}
	part := lease(len(list))
	for _, x := range list {
		d.rivals[x].load.reserve(q, part, -1)
	}
	return 0, list
}

// nameMany names the members of a long answer.
func (d *duels) nameMany(q Query, l *lots, c coins, list []int32) []int32 {
	var u urn
	if d.k > scanned {
		u.long = newPiles(d.weights, d.faded)
	}
	for range d.k {
		a := u.draw(l, d.weights, byWeight)
		u.take(a)
		b := u.draw(l, d.weights, byWeight)
		u.put(a)
		x, ok := d.duel(q.Now, a, b, c)
		if !ok {
			x = u.draw(l, d.faded, byFade)
		}
		u.take(x)
		list = append(list, x)
	}
	return list
}

// name returns who is named next in a short answer, beside those in list, who leave at least two.
func (d *duels) name(q Query, l *lots, c coins, list []int32) int32 {
	a := d.weights.beside(list, -1, l)
	b := d.weights.beside(list, a, l)
	if x, ok := d.duel(q.Now, a, b, c); ok {
		return x
	}
	return d.faded.beside(list, -1, l)
}

// duel returns which of two candidates wins, or false for neither.
func (d *duels) duel(now int64, x, y int32, c coins) (int32, bool) {
	a, b := &d.rivals[x], &d.rivals[y]
	if a.busier(b, now, d.reports) {
		x, y, a, b = y, x, b, a
	}
	switch {
	case !d.fading || c.win(x, a):
		return x, true
	case c.win(y, b):
		return y, true
	}
	return 0, false
}

// winners names whoever wins its coin, at most k of them, from a random place on.
func (d *duels) winners(l *lots, c coins, list []int32) []int32 {
	n := len(d.rivals)
	at := int32(l.draw(uint64(n)))
	for i := 0; i < n && len(list) < d.k; i++ {
		if c.win(at, &d.rivals[at]) {
			list = append(list, at)
		}
		if at++; int(at) == n {
			at = 0
		}
	}
	return list
}

// Room implements Picker.
func (d *duels) Room() int {
	if d.k == 1 || d.k == len(d.rivals) && !d.fading {
		return 0
	}
	return d.k
}

func (*duels) PerClient() bool { return false }
