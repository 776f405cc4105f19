package policy

import (
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestLoadsAreSeparate takes and holds leases of some of the Loads made together, few and many, and checks what each has while time goes
// on.
func TestLoadsAreSeparate(t *testing.T) {
	for _, n := range []int{1, 5, page, page + 1, many - 1, many, many + 300} {
		rapid.Check(t, func(r *rapid.T) {
			loads := NewLoads(n, 100)
			now := int64(1_700_000_000)
			type lease struct {
				load  int
				until int64
			}
			var held []lease
			for range rapid.IntRange(1, 10).Draw(r, "steps") {
				for range rapid.IntRange(0, 5).Draw(r, "answers") {
					h := lease{rapid.IntRange(0, n-1).Draw(r, "load"), now + 2*rapid.Int64Range(1, 51).Draw(r, "ttl")}
					loads[h.load].Leases(now)
					loads[h.load].take(One, -1)
					loads[h.load].Hold(h.until, 1)
					held = append(held, h)
				}
				now += 2 * rapid.Int64Range(0, 20).Draw(r, "pass")
				want := make([]int64, n)
				for _, h := range held {
					if h.until > now {
						want[h.load] += One
					}
				}
				for i := range loads {
					if got := loads[i].Leases(now); got != want[i] {
						r.Fatalf("of %d, number %d has %d, want %d", n, i, got, want[i])
					}
				}
			}
		})
	}
}

// TestLoadsConcurrently takes and holds leases of Loads side by side from eight goroutines while time goes on. Run it with -race.
func TestLoadsConcurrently(t *testing.T) {
	loads := NewLoads(many, 5)
	var all sync.WaitGroup
	for g := range int64(8) {
		all.Go(func() {
			for i := range int64(20000) {
				now, l := 1000+i/1000+g%2, &loads[i%10]
				l.Leases(now)
				l.take(One, -1)
				l.Hold(now+1+i%5, 1)
			}
		})
	}
	all.Wait()
	for i := range loads {
		if n := loads[i].Leases(1_000_000); n != 0 {
			t.Errorf("number %d: %d is left when all has run out", i, n)
		}
	}
}
