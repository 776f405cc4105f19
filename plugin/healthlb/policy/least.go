package policy

import (
	"math"
)

// least names the less loaded of two members drawn at random: the power of two choices. What is known of loads is old by up to a TTL, and
// naming the least loaded of all would send everyone to the same one until that shows; of two, it spreads nearly as well.
type least struct{ members []Member }

func (l *least) Members(ms []Member) { l.members = ms }

func (l *least) Clone() Policy { return &least{l.members} }

func (l *least) Picker(cs []Candidate, k int) Picker {
	d := &duels{rivals: rivals(l.members, nil, cs), k: min(k, len(cs)), fading: fading(cs)}
	weights, faded, sum := make([]uint64, len(cs)), make([]uint64, len(cs)), 0.0
	for i, r := range d.rivals {
		weights[i] = uint64(r.weight)
		faded[i] = max(1, uint64(math.Round(r.weight*r.fade*fadeGrain)))
		sum += r.fade
	}
	d.weights = newWheel(weights)
	if d.faded = d.weights; d.fading {
		d.faded = newWheel(faded)
		d.scant = sum <= float64(d.k)
	}
	return d
}

// fadeGrain is how finely fading divides a weight. The sum over 100 million members of the largest weight would still fit.
const fadeGrain = 1 << 20

// rival is what is known of a candidate where candidates are compared for one query.
type rival struct {
	weight float64 // above 0
	fade   float64
	id     identity
	load   *Load
}

// rivals returns what is known of candidates. ids are those of the members, or nil.
func rivals(ms []Member, ids []identity, cs []Candidate) []rival {
	rs := make([]rival, len(cs))
	for i, c := range cs {
		rs[i] = rival{weight: float64(max(1, ms[c.Member].Weight)), fade: c.Fade, load: c.Load}
		if ids != nil {
			rs[i].id = ids[c.Member]
		}
	}
	return rs
}

// byFade returns how much a candidate counts with as much of its share as it has.
func (r *rival) byFade() float64 { return r.weight * r.fade }

// busier says whether a candidate is busier than another: by what they report, when both have done so lately, else by their leases.
func (r *rival) busier(than *rival, now int64) bool {
	if mine, ok := r.load.Reported(now); ok {
		if other, ok := than.load.Reported(now); ok {
			return mine > other
		}
	}
	return r.fuller(than, now)
}

// fuller says whether a candidate has more leases for its weight x fade than another.
func (r *rival) fuller(than *rival, now int64) bool {
	return float64(r.load.Leases(now))*than.byFade() > float64(than.load.Leases(now))*r.byFade()
}

// unit draws a number from 0 up to 1.
func unit(q Query) float64 { return float64(q.Rand(1<<53)) / (1 << 53) }

// coins fall the same way for a candidate throughout one answer, so that naming several is not several tries for one that fades in.
type coins struct {
	salt identity
	top  float64 // the largest fade
}

// toss returns the coins for one answer; they are of use only where someone fades in.
func toss(q Query, fading bool, top float64) coins {
	if !fading {
		return coins{top: top}
	}
	return coins{identity(q.Rand(math.MaxUint64)), top}
}

// win says whether a candidate's coin falls for it: as often as its fade says.
func (c coins) win(x int32, r *rival) bool {
	return r.fade == c.top || c.salt.joined(uint64(x), r.fade/c.top)
}

// duel returns which of two candidates, x and y, a query names: the less busy one, the first when both are alike. One that fades in must
// win its coin besides; else it is the other's turn, and when that fades in and loses its coin too, nobody has won.
func duel(now int64, rivals []rival, x, y int32, c coins) (second, nobody bool) {
	a, b := &rivals[x], &rivals[y]
	if a.busier(b, now) {
		second = true
		x, y, a, b = y, x, b, a
	}
	switch {
	case c.win(x, a):
		return second, false
	case c.win(y, b):
		return !second, false
	}
	return false, true
}

// duels names k members by a duel each. A duel that nobody wins is decided by one draw by weight x fade.
type duels struct {
	rivals  []rival
	k       int
	fading  bool
	scant   bool   // the fades add up to no more than k: each member is named as often as its fade says
	weights *wheel // by weight
	faded   *wheel // by weight x fade
}

func (d *duels) Pick(q Query, list []int32) (int, []int32) {
	n := len(d.rivals)
	c := toss(q, d.fading, 1)
	switch {
	case d.k == n && !d.fading:
		for i := range d.rivals {
			d.rivals[i].load.reserve(q, lease(n), -1)
		}
		return int(q.Rand(uint64(n))), nil
	case d.k == 1:
		x := d.name(q, c, &urn{})
		d.rivals[x].load.reserve(q, One, -1)
		return int(x), nil
	case d.scant:
		list = d.winners(q, c, list)
	default:
		var u urn
		if d.k > scanned {
			u.long = newPiles(d.weights, d.faded)
		}
		for range d.k {
			x := d.name(q, c, &u)
			u.take(x)
			list = append(list, x)
		}
	}
	part := lease(len(list))
	for _, x := range list {
		d.rivals[x].load.reserve(q, part, -1)
	}
	return 0, list
}

// name returns who is named next among those left in an urn, at least two.
func (d *duels) name(q Query, c coins, u *urn) int32 {
	a := u.draw(q, d.weights, byWeight)
	u.take(a)
	b := u.draw(q, d.weights, byWeight)
	u.put(a)
	switch second, nobody := duel(q.Now, d.rivals, a, b, c); {
	case nobody:
		return u.draw(q, d.faded, byFade)
	case second:
		return b
	}
	return a
}

// winners names whoever wins its coin, at most k of them, from a random place on.
func (d *duels) winners(q Query, c coins, list []int32) []int32 {
	n := len(d.rivals)
	at := int32(q.Rand(uint64(n)))
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
