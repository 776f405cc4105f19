package policy

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestBalanceKeepsBounds plays answers through for some minutes, with one client that asks for half of them, and works out the bounds anew
// for each. Answers of one name are never above them. Of four, an answer may have to name fewer, which makes leases of several sizes; then
// it may happen that nobody has room for a whole one, and the one named instead is above its bound by less than that.
func TestBalanceKeepsBounds(t *testing.T) {
	for _, k := range []int{1, 4} {
		for _, factor := range []float64{1, 1.1, 1.25, 2} {
			for _, weights := range [][]int{alike(10, 1), {1, 2, 3, 4, 5, 6, 7, 8, 9, 30}, {0, 0, 0, 0, 0, 0}} {
				t.Run(fmt.Sprintf("%d/%v/%v", k, factor, weights), func(t *testing.T) {
					s := newScene(t, Spec{Name: "hash", Factor: factor}, weights...)
					p := s.policy.Picker(s.cs, k)
					fair := fairShares(s, k)
					over, fewer := 0, 0
					for i := range 3000 {
						key := uint64(12345)
						if s.random.IntN(2) == 0 {
							key = s.random.Uint64()
						}
						if i%10 == 0 {
							s.now++
						}
						sum := int64(One)
						for _, c := range s.cs {
							sum += c.Load.Leases(s.now)
						}
						ms := named(p, s.cs, k, s.query(key))
						for _, m := range ms {
							limit := math.Ceil(factor*fair[m]*float64(sum)/One-1e-9) * One
							if got := float64(s.cs[m].Load.Leases(s.now)); got > limit {
								if over++; k == 1 || len(ms) > 1 || got >= limit+One {
									t.Fatalf("answer %d names %v: %d has leases of %.2f, bound %.2f", i, ms, m, got/One, limit/One)
								}
							}
						}
						if len(ms) < k {
							fewer++
						}
						s.hold(ms, s.now+1+s.random.Int64N(60))
					}
					t.Logf("%d of 3000 answers named fewer, %d were above a bound", fewer, over)
					if factor >= 1.25 && over > 30 {
						t.Errorf("%d of 3000 were above a bound", over)
					}
				})
			}
		}
	}
}

// fairShares works out the fair shares of members by trying: the part of the answers of k names when none can be in more than all.
func fairShares(s *scene, k int) []float64 {
	shares := make([]float64, len(s.members))
	low, high := 0.0, 1e6
	for range 200 {
		scale, sum := (low+high)/2, 0.0
		for i, m := range s.members {
			shares[i] = min(1, scale*max(1, float64(m.Weight))) / float64(k)
			sum += shares[i]
		}
		if sum < 1 {
			low = scale
		} else {
			high = scale
		}
	}
	return shares
}

// TestBalanceConcurrently has eight goroutines name at the same time: each lease keeps to the bound that its query saw, and no query can
// have counted more than the others had under way.
func TestBalanceConcurrently(t *testing.T) {
	const n, workers, each = 10, 8, 5000
	for _, k := range []int{1, 4} {
		s := newScene(t, Spec{Name: "hash", Factor: 1.25}, alike(n, 1)...)
		p := s.policy.Picker(s.cs, k)
		var all sync.WaitGroup
		for w := range uint64(workers) {
			all.Go(func() {
				q := Query{Turn: &s.turn, Rand: func(uint64) uint64 { return 0 }, Now: s.now}
				buf := make([]int32, 0, p.Room())
				for i := range uint64(each) {
					q.Key = mix(w<<32 | i&^1) // each client asks twice
					p.Pick(q, buf)
				}
			})
		}
		all.Wait()
		sum := int64(0)
		for _, c := range s.cs {
			sum += c.Load.Leases(s.now)
		}
		if want := int64(workers * each * One); sum != want {
			t.Errorf("%d leases are taken, want %d", sum, want)
		}
		for i, c := range s.cs {
			if got, limit := c.Load.Leases(s.now), bound(1.25/n, sum+workers*One); got > limit {
				t.Errorf("member %d has %d, bound %d", i, got, limit)
			}
		}
	}
}

// TestBalanceFollowsTheRing checks that whoever has room keeps its clients.
func TestBalanceFollowsTheRing(t *testing.T) {
	for _, k := range []int{1, 3, 8} {
		s := newScene(t, Spec{Name: "hash", Factor: 1e6}, 1, 2, 3, 4, 1, 2, 3, 4)
		plain := newScene(t, Spec{Name: "hash"}, 1, 2, 3, 4, 1, 2, 3, 4)
		s.cs[3].Fade, plain.cs[3].Fade = 0.5, 0.5
		p, h := s.policy.Picker(s.cs, k), plain.policy.Picker(plain.cs, k)
		for range 500 {
			key := s.random.Uint64()
			is, want := named(p, s.cs, k, s.query(key)), named(h, plain.cs, k, plain.query(key))
			if !slices.Equal(is, want) {
				t.Fatalf("%d names: %v, on the ring %v", k, is, want)
			}
		}
	}
}

// TestBalanceWhenAllAreFull fills everyone above the bounds, by leases of another picker that this one has not counted: somebody is named.
func TestBalanceWhenAllAreFull(t *testing.T) {
	for _, shard := range []int{0, 3} {
		s := newScene(t, Spec{Name: "hash", Factor: 1, Shard: shard}, 1, 1, 2, 2, 1, 1)
		for _, k := range []int{1, 2} {
			p := s.policy.Picker(s.cs, k)
			named(p, s.cs, k, s.query(1))
			for i, c := range s.cs {
				c.Load.take(int64(50+i)*One, -1)
			}
			if ms := named(p, s.cs, k, s.query(2)); len(ms) == 0 {
				t.Errorf("shard %d, %d names: nobody is named", shard, k)
			}
		}
	}
}

// TestDryTakesNothing checks that a dry query says what the real one would name, and takes nothing.
func TestDryTakesNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n, k := rapid.IntRange(1, 12).Draw(r, "n"), rapid.IntRange(1, 5).Draw(r, "k")
		spec := Spec{Name: "hash", Factor: rapid.Float64Range(1, 2).Draw(r, "factor"), Shard: rapid.SampledFrom([]int{0, 3}).Draw(r, "shard")}
		s := newScene(t, spec, alike(n, 1)...)
		for _, c := range s.cs {
			c.Load.take(int64(rapid.IntRange(0, 5).Draw(r, "load"))*One, -1)
		}
		p := s.policy.Picker(s.cs, k)
		for range 5 {
			q := s.query(rapid.Uint64().Draw(r, "key"))
			sum := func() (sum int64) {
				for _, c := range s.cs {
					sum += c.Load.Leases(s.now)
				}
				return sum
			}
			before := sum()
			q.Dry = true
			dry := named(p, s.cs, k, q)
			if got := sum(); got != before {
				r.Fatalf("dry, %d more is taken", got-before)
			}
			q.Dry = false
			if is := named(p, s.cs, k, q); !slices.Equal(is, dry) {
				r.Fatalf("%v, dry %v", is, dry)
			}
			if got := sum() - before; got != One {
				r.Fatalf("%d is taken for one answer", got)
			}
		}
	})
}
