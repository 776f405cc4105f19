package policy

import (
	"math"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// heir returns a Load for another TTL that has inherited from this one.
func (l *Load) heir(maxTTL uint32, now int64) *Load {
	h := NewLoad(maxTTL)
	h.Inherit(l, now)
	return h
}

// TestLoadIsTheSumOfLeases compares a Load with a list of the leases, while time goes on in steps of any length. With slots wider than a
// second, a lease may be counted up to one width less a second longer.
func TestLoadIsTheSumOfLeases(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		maxTTL := rapid.Int64Range(1, 86400).Draw(r, "maxTTL")
		l := NewLoad(uint32(maxTTL))
		type lease struct{ until, part int64 }
		var held []lease
		sum := func(now int64) (n int64) {
			for _, h := range held {
				if h.until > now {
					n += h.part
				}
			}
			return n
		}
		now := rapid.Int64Range(0, 1<<33).Draw(r, "now")
		for range rapid.IntRange(1, 100).Draw(r, "steps") {
			now += rapid.Int64Range(0, maxTTL/3+2).Draw(r, "pass")
			if rapid.IntRange(0, 20).Draw(r, "idle") == 0 {
				now += rapid.Int64Range(0, 1<<20).Draw(r, "idle time")
			}
			for range rapid.IntRange(0, 3).Draw(r, "answers") {
				named := rapid.IntRange(1, 100).Draw(r, "named")
				h := lease{now + rapid.Int64Range(1, maxTTL+2).Draw(r, "ttl"), max(1, One/int64(named))}
				if rapid.Bool().Draw(r, "looked") {
					l.Leases(now)
				}
				l.take(h.part, -1)
				l.Hold(h.until, named)
				held = append(held, h)
			}
			for _, is := range []*Load{l, l.heir(uint32(maxTTL), now), l.heir(10*uint32(maxTTL), now)} {
				late := l.ledger.width - 1 // by how much leases may be counted for too long
				if is != l {
					late += is.ledger.width - 1
				}
				if got, low, high := is.Leases(now), sum(now), sum(now-late); got < low || got > high {
					r.Fatalf("leases %d, want %d to %d", got, low, high)
				}
			}
		}
		if got := l.Leases(now + 2*maxTTL + 64*l.ledger.width); got != 0 {
			r.Fatalf("%d is left when all has run out", got)
		}
	})
}

// TestLoadSurvivesClockSteps sets the clock anywhere, again and again: the leases are never negative, and all are gone when each slot has
// come by once after that.
func TestLoadSurvivesClockSteps(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := NewLoad(uint32(rapid.IntRange(1, 3600).Draw(r, "maxTTL")))
		now, taken := int64(1_700_000_000), int64(0)
		for range rapid.IntRange(1, 50).Draw(r, "steps") {
			now = max(1000, now+rapid.Int64Range(-100_000, 100_000).Draw(r, "step"))
			l.Leases(now)
			l.take(One, -1)
			l.Hold(now+30, 1)
			taken += One
			if got := l.Leases(now); got < One || got > taken {
				r.Fatalf("leases %d of %d taken", got, taken)
			}
		}
		for range slots + stale {
			now += l.ledger.width
			l.Leases(now)
		}
		if got := l.Leases(now); got != 0 {
			r.Fatalf("%d is left", got)
		}
	})
}

func TestLoadTakesUpToTheLimit(t *testing.T) {
	l := NewLoad(30)
	if !l.take(One, One) || l.take(1, One) || !l.take(One, -1) || !l.take(One/4, 3*One) {
		t.Error("a limit is not kept to")
	}
	if got := l.Leases(1000); got != 2*One+One/4 {
		t.Errorf("leases %d", got)
	}
}

// TestLoadConcurrently takes, holds, looks and copies from eight goroutines while time goes on. Run it with -race.
func TestLoadConcurrently(t *testing.T) {
	l := NewLoad(5)
	var all sync.WaitGroup
	for g := range int64(8) {
		all.Go(func() {
			for i := range int64(20000) {
				now := 1000 + i/100 + g%2
				if l.take(One/2, 1000*One) {
					l.Hold(now+1+i%5, 2)
				}
				if n := l.Leases(now); n < 0 || n > 1000*One {
					t.Errorf("leases %d", n)
					return
				}
				if i%1000 == 0 {
					l.heir(60, now).Leases(now)
					l.Report(float64(i), now+1)
				}
			}
		})
	}
	all.Wait()
	if n := l.Leases(1_000_000); n != 0 {
		t.Errorf("%d is left when all has run out", n)
	}
}

func TestLoadReports(t *testing.T) {
	l := NewLoad(30)
	if _, ok := l.Reported(100); ok {
		t.Error("a report before there is one")
	}
	l.Report(0.5, 110)
	l.Report(math.NaN(), 200)
	if load, ok := l.Reported(109); load != 0.5 || !ok {
		t.Errorf("reported %v, %v", load, ok)
	}
	if _, ok := l.Reported(110); ok {
		t.Error("an old report counts")
	}
	if load, ok := l.heir(60, 100).Reported(105); load != 0.5 || !ok {
		t.Errorf("the heir says %v, %v", load, ok)
	}
}

// TestLeasesAddUp checks that the leases of an answer that names up to 16 are one, and never more.
func TestLeasesAddUp(t *testing.T) {
	for _, n := range slices.Concat([]int{17, 100, 1000}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}) {
		if sum := lease(n) * int64(n); sum > One || n <= 16 && sum != One || sum < One*999/1000-int64(n) {
			t.Errorf("%d leases are %d, want %d", n, sum, One)
		}
	}
}
