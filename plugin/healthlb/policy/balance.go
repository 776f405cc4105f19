package policy

import (
	"math"
	"sync/atomic"
)

// balance is consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, Consistent Hashing with Bounded Loads, 2018): a
// candidate is passed over when its leases, with its part of this answer, would be above its bound. The bound is factor x its fair share
// of the leases of all candidates, this answer included, rounded up to a whole answer. So somebody is always within bounds as long as
// all answers name equally many: the fair shares add up to all leases, and this answer is not given yet.
type balance struct {
	*walk
	stakes []stake

	// Every query writes the sum: it has a line of memory of its own.
	_      [64]byte
	sum    atomic.Int64 // the leases of all candidates, in parts of One: exact when a second begins, then with what was taken since
	second atomic.Int64 // when that was, in seconds since 1970
	_      [64]byte
}

// stake is what a candidate's bound depends on.
type stake struct {
	fair float64 // factor x its fair share in all leases
	load Load
}

func newBalance(w *walk, ms []Member, cs []Candidate, factor float64) *balance {
	weights, fades := weightsOf(ms, cs)
	b := &balance{walk: w, stakes: make([]stake, len(cs))}
	sum := 0.0
	for i, share := range inclusion(weights, fades, w.k) {
		b.stakes[i] = stake{share, *cs[i].Load}
		sum += share
	}
	for i := range b.stakes {
		b.stakes[i].fair *= factor / sum
	}
	return b
}

// Pick names the first candidates on the client's trail that are within their bounds. Each bound is kept by every single lease taken: of
// queries at the same time, each takes its own.
func (b *balance) Pick(q Query, list []int32) (int, []int32) {
	sum := b.total(q.Now) + One
	if b.k == 1 {
		x := b.one(q, sum)
		if !q.Dry {
			b.sum.Add(One)
		}
		return int(x), nil
	}
	part := lease(b.k)
	seen := newMarks(b.k, b.n)
	t := b.from(q.Key, q.Key)
	for len(list) < b.k {
		// All that the answer still needs, first: the processor then reads what is known of them side by side.
		more := t.follow(list, b.k, seen)
		if len(more) == len(list) {
			break
		}
		list = b.within(q, more, len(list), part, sum)
	}
	if len(list) < b.k {
		list = b.fewer(q, list, part, sum)
		if len(list) == 0 {
			list = append(list, b.leastFilled(q))
		}
	}
	if !q.Dry {
		b.sum.Add(lease(len(list)) * int64(len(list)))
	}
	return 0, list
}

// within takes leases for those in a list from a place on, and leaves out whoever would be above the bound.
func (b *balance) within(q Query, list []int32, from int, part, sum int64) []int32 {
	for _, x := range list[from:] {
		b.stakes[x].load.taken().Load()
	}
	kept := list[:from]
	for _, x := range list[from:] {
		if b.stakes[x].reserve(q, part, sum) {
			kept = append(kept, x)
		}
	}
	return kept
}

// one returns the first candidate on the trail that is within its bound with a whole answer more.
func (b *balance) one(q Query, sum int64) int32 {
	if b.joins == nil {
		if x := b.first(q.Key); x >= 0 && b.stakes[x].reserve(q, One, sum) {
			return x
		}
	}
	var buf [1]int32
	t := b.from(q.Key, q.Key)
	for {
		next := t.follow(buf[:0], 1, nil)
		if len(next) == 0 {
			return b.leastFilled(q)
		}
		if b.stakes[next[0]].reserve(q, One, sum) {
			return next[0]
		}
	}
}

// leastFilled returns the candidate with the smallest part of its bound taken, among those that the client has joined, when none is
// within its bound. It takes a whole answer's lease.
func (b *balance) leastFilled(q Query) int32 {
	least, filled := int32(0), math.Inf(1)
	t := b.from(q.Key, q.Key)
	for x, ok := t.rest(); ok; x, ok = t.rest() {
		if f := float64(b.stakes[x].load.Leases(q.Now)) / b.stakes[x].fair; f < filled {
			least, filled = x, f
		}
	}
	b.stakes[least].load.reserve(q, One, -1)
	return least
}

// fewer cuts down a list that names fewer than an answer could, since more would be above their bounds. Each of those named has a larger
// lease of such an answer than the one that has been taken, so some of them may have to go as well. The list may come out empty.
func (b *balance) fewer(q Query, list []int32, part, sum int64) []int32 {
	for {
		if !q.Dry {
			for _, x := range list {
				b.stakes[x].load.give(part)
			}
		}
		if len(list) == 0 {
			return list
		}
		size := len(list)
		part = lease(size)
		kept := list[:0]
		for _, x := range list {
			if b.stakes[x].reserve(q, part, sum) {
				kept = append(kept, x)
			}
		}
		// With one more gone, the leases are larger again, and no list of a size in between can hold: whoever is too full now would be
		// too full for it as well.
		if list = kept; len(list) == size {
			return list
		}
	}
}

// Room implements Picker.
func (b *balance) Room() int {
	if b.k == 1 {
		return 0
	}
	return b.k
}

// PerClient implements Picker.
func (*balance) PerClient() bool { return true }

// total returns the leases of all candidates. Of the queries of a new second, one adds them up, and the others go on with the old sum.
func (b *balance) total(now int64) int64 {
	if old := b.second.Load(); (now > old || now < old-stale) && b.second.CompareAndSwap(old, now) {
		sum := int64(0)
		for i := range b.stakes {
			sum += b.stakes[i].load.Leases(now)
		}
		b.sum.Store(sum)
	}
	return b.sum.Load()
}

// bound returns what the leases of a candidate with a fair share may be, in parts of One, when those of all are sum. What may be an error
// of rounding is not rounded up.
func bound(fair float64, sum int64) int64 {
	return int64(math.Ceil(fair*float64(sum)/One-1e-9)) * One
}

// reserve takes a lease for a query if the leases of the candidate are within its bound then; sum is that of the leases of all.
func (s *stake) reserve(q Query, lease, sum int64) bool {
	return s.load.reserve(q, lease, bound(s.fair, sum))
}

// reserve takes a lease for a query if the leases are within a limit then. When the query is dry, it only says whether they would be.
func (l *Load) reserve(q Query, lease, limit int64) bool {
	leases := l.Leases(q.Now)
	if q.Dry {
		return limit < 0 || leases+lease <= limit
	}
	return l.take(lease, limit)
}
