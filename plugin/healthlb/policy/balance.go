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
	loads  []*Load
	fair   []float64    // factor x the fair share of each candidate in all leases
	sum    atomic.Int64 // the leases of all candidates, in parts of One: exact when a second begins, then with what was taken since
	second atomic.Int64 // when that was, in seconds since 1970
}

func newBalance(w *walk, ms []Member, cs []Candidate, factor float64) *balance {
	weights, fades := weightsOf(ms, cs)
	b := &balance{walk: w, loads: make([]*Load, len(cs)), fair: inclusion(weights, fades, w.k)}
	sum := 0.0
	for i, share := range b.fair {
		b.loads[i] = cs[i].Load
		sum += share
	}
	for i := range b.fair {
		b.fair[i] *= factor / sum
	}
	return b
}

// Pick names the first candidates on the client's trail that are within their bounds. Each bound is kept by every single lease taken: of
// queries at the same time, each takes its own.
func (b *balance) Pick(q Query, list []int32) (int, []int32) {
	sum := b.total(q.Now) + One
	limit := func(x int32) int64 { return bound(b.fair[x], sum) }
	if b.k == 1 {
		x := b.one(q, limit)
		if !q.Dry {
			b.sum.Add(One)
		}
		return int(x), nil
	}
	part := lease(b.k)
	seen := newMarks(b.k, b.n)
	t := b.from(q.Key, q.Key)
	for len(list) < b.k {
		x, ok := t.next()
		if !ok {
			break
		}
		if !seen.has(list, x) && b.loads[x].reserve(q, part, limit(x)) {
			seen.add(x)
			list = append(list, x)
		}
	}
	if len(list) < b.k {
		list = fewer(q, list, part, b.loads, limit)
		if len(list) == 0 {
			list = append(list, b.leastFilled(q))
		}
	}
	if !q.Dry {
		b.sum.Add(lease(len(list)) * int64(len(list)))
	}
	return 0, list
}

// one returns the first candidate on the trail that is within its bound with a whole answer more.
func (b *balance) one(q Query, limit func(int32) int64) int32 {
	t := b.from(q.Key, q.Key)
	for {
		x, ok := t.next()
		if !ok {
			return b.leastFilled(q)
		}
		if b.loads[x].reserve(q, One, limit(x)) {
			return x
		}
	}
}

// leastFilled returns the candidate with the smallest part of its bound taken, among those that the client has joined, when none is
// within its bound. It takes a whole answer's lease.
func (b *balance) leastFilled(q Query) int32 {
	least, filled := int32(0), math.Inf(1)
	t := b.from(q.Key, q.Key)
	t.steps = 0
	for x, ok := t.next(); ok; x, ok = t.next() {
		if f := float64(b.loads[x].Leases(q.Now)) / b.fair[x]; f < filled {
			least, filled = x, f
		}
	}
	b.loads[least].reserve(q, One, -1)
	return least
}

// fewer cuts down a list that names fewer than an answer could, since more would be above their bounds. Each of those named has a larger
// lease of such an answer than the one that has been taken, so some of them may have to go as well. The list may come out empty.
func fewer(q Query, list []int32, part int64, loads []*Load, limit func(int32) int64) []int32 {
	for {
		if !q.Dry {
			for _, x := range list {
				loads[x].give(part)
			}
		}
		if len(list) == 0 {
			return list
		}
		size := len(list)
		part = lease(size)
		kept := list[:0]
		for _, x := range list {
			if loads[x].reserve(q, part, limit(x)) {
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
		for _, l := range b.loads {
			sum += l.Leases(now)
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

// reserve takes a lease for a query if the leases are within a limit then. When the query is dry, it only says whether they would be.
func (l *Load) reserve(q Query, lease, limit int64) bool {
	leases := l.Leases(q.Now)
	if q.Dry {
		return limit < 0 || leases+lease <= limit
	}
	return l.take(lease, limit)
}
