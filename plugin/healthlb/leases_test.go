package healthlb

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The leases are compared with a map that is looked through whole.
func TestLeasesAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, model := newLeases(), map[string]time.Time{}
		now := time.Unix(1700000000, 0)
		over := map[string]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := fmt.Sprint(rapid.IntRange(0, 6).Draw(t, "key"))
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1:
				until := now.Add(time.Duration(rapid.IntRange(-5, 20).Draw(t, "ttl")) * time.Second)
				if ok := l.set(key, until); ok == over[key] {
					t.Fatalf("set says %v of a lease that is over: %v", ok, over[key])
				}
				if !over[key] {
					model[key] = until
				}
			case 2:
				l.end(key)
				delete(model, key)
				delete(over, key)
			case 3:
				until, there := model[key]
				want := there && !until.After(now)
				if got := l.claim(key, now); got != want {
					t.Fatalf("claim says %v, want %v", got, want)
				}
				over[key] = want
			case 4:
				now = now.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "time")) * time.Second)
			}
			keys, next := l.lapsed(now)
			slices.Sort(keys)
			var want []string
			first := time.Time{}
			for _, key := range slices.Sorted(maps.Keys(model)) {
				if until := model[key]; !until.After(now) {
					want = append(want, key)
				} else if first.IsZero() || until.Before(first) {
					first = until
				}
			}
			if !slices.Equal(keys, want) {
				t.Fatalf("lapsed %v, want %v", keys, want)
			}
			if !next.IsZero() && (first.IsZero() || next.After(first)) {
				t.Fatalf("next look at %v, and the first ends at %v", next, first)
			}
			if next.IsZero() != first.IsZero() {
				t.Fatalf("next look at %v, want none as there is none", next)
			}
			if l.len() != len(model) {
				t.Fatalf("%d leases, want %d", l.len(), len(model))
			}
		}
	})
}

func BenchmarkRenewLease(b *testing.B) {
	l := newLeases()
	until := time.Now().Add(time.Hour)
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = memberKey("www.example.org.", fmt.Sprint(i))
		l.set(keys[i], until)
	}
	for i := 0; b.Loop(); i++ {
		l.set(keys[i%len(keys)], until.Add(time.Duration(i)))
	}
}
