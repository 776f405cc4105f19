package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// counts returns how often each position is named in a number of queries in turn.
func (s *sampler) counts(queries uint64) []int {
	counts := make([]int, s.nobody)
	for turn := range queries {
		for _, owner := range s.pick(s.first(turn), nil) {
			counts[owner]++
		}
	}
	return counts
}

func whole(n int) []float64 { return slices.Repeat([]float64{1}, n) }

// TestSharesAreExact runs whole cycles, and 1,000 queries from many places on: the counts are those of the weights, in the first case
// exactly, in the second to 1 in 1,000 names, wherever the cycle is shorter than that.
func TestSharesAreExact(t *testing.T) {
	for _, tc := range []struct {
		weights []int
		k       int
		want    []float64 // names per answer
	}{
		{[]int{5, 1, 1}, 1, []float64{5. / 7, 1. / 7, 1. / 7}},
		{[]int{1, 2, 3, 4}, 1, []float64{.1, .2, .3, .4}},
		{[]int{1, 2, 3, 4}, 2, []float64{.2, .4, .6, .8}},
		{[]int{100, 200, 100}, 1, []float64{.25, .5, .25}},
		{[]int{3, 1, 1, 1}, 2, []float64{1, 1. / 3, 1. / 3, 1. / 3}},
		{[]int{1000, 1, 1}, 2, []float64{1, .5, .5}}, // the heaviest is in each answer, and not more often
		{[]int{1000, 100, 1, 1}, 3, []float64{1, 1, .5, .5}},
		{[]int{7, 7, 7}, 2, []float64{2. / 3, 2. / 3, 2. / 3}},
		{[]int{65535, 1}, 1, []float64{65535. / 65536, 1. / 65536}},
		{[]int{2, 1}, 5, []float64{1, 1}},
	} {
		t.Run(fmt.Sprint(tc.weights, tc.k), func(t *testing.T) {
			s := newSampler(tc.weights, whole(len(tc.weights)), tc.k)
			for i, n := range s.counts(s.total) {
				if want := tc.want[i] * float64(s.total); math.Abs(float64(n)-want) > 1e-6 {
					t.Errorf("member %d was named %d times in a cycle of %d, want %g", i, n, s.total, want)
				}
			}
			for offset := uint64(0); offset < 5000; offset += 13 {
				counts := make([]int, len(tc.weights))
				for turn := range uint64(1000) {
					for _, owner := range s.pick(s.first(offset+turn), nil) {
						counts[owner]++
					}
				}
				for i, n := range counts {
					if want := 1000 * tc.want[i]; math.Abs(float64(n)-want) > float64(tc.k) {
						t.Fatalf("member %d was named %d times in 1000 queries from %d on, want %.1f", i, n, offset, want)
					}
				}
			}
		})
	}
}

// TestSharesAtRandom compares the counts of random points with the shares by a chi-square test, 20 seeds, limit at the 99.9999% point of
// the distribution with 5 degrees of freedom.
func TestSharesAtRandom(t *testing.T) {
	const draws, limit = 60000, 36.0
	weights := []int{1, 2, 3, 5, 8, 13}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		s := newSampler(weights, whole(6), 1)
		counts := make([]float64, 6)
		for range draws {
			counts[s.pick(random.Uint64N(s.total), nil)[0]]++
		}
		chi2 := 0.0
		for i, w := range weights {
			want := draws * float64(w) / 32
			chi2 += (counts[i] - want) * (counts[i] - want) / want
		}
		if chi2 > limit {
			t.Errorf("seed %d: chi-square %.1f, want below %.1f", seed, chi2, limit)
		}
	}
}

// TestInclusion checks what shares must be: at most the fade, k in all where fading leaves so many, and in proportion to weight x fade
// where they are not capped.
func TestInclusion(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(r, "n")
		weights := rapid.SliceOfN(rapid.IntRange(1, 65535), n, n).Draw(r, "weights")
		fades := rapid.SliceOfN(rapid.Float64Range(0.01, 1), n, n).Draw(r, "fades")
		fades[rapid.IntRange(0, n-1).Draw(r, "oldest")] = 1
		k := rapid.IntRange(1, n).Draw(r, "k")
		shares := inclusion(weights, fades, k)
		sum, room := 0.0, 0.0
		for i, share := range shares {
			if share > fades[i]+1e-12 || share <= 0 {
				r.Fatalf("share %g with a fade of %g", share, fades[i])
			}
			sum += share
			room += fades[i]
			for j := range shares {
				if shares[i] < fades[i]-1e-9 && shares[j] < fades[j]-1e-9 {
					a, b := shares[i]/(float64(weights[i])*fades[i]), shares[j]/(float64(weights[j])*fades[j])
					if math.Abs(a-b) > 1e-9*max(a, b) {
						r.Fatalf("%d and %d are not in proportion: %g and %g", i, j, a, b)
					}
				}
			}
		}
		if want := min(float64(k), room); math.Abs(sum-want) > 1e-6 {
			r.Fatalf("%g names an answer, want %g", sum, want)
		}
	})
}

// TestFadingIsMonotonic checks for the policies that take turns by shares, or draw by them: a member that fades in is named more and more
// often, from next to nothing on, up to its whole share, with answers of one, of some and of all members.
func TestFadingIsMonotonic(t *testing.T) {
	const n, queries = 4, 20000
	for _, name := range []string{"round_robin", "random", "weighted"} {
		for k := 1; k <= n; k++ {
			t.Run(fmt.Sprintf("%s/answers=%d", name, k), func(t *testing.T) {
				b := newTestbed(t, name, n)
				last := 0.0
				for _, fade := range []float64{0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 1} {
					cs := make([]Candidate, n)
					for i := range cs {
						cs[i] = Candidate{Member: int32(i), Fade: 1}
					}
					cs[2].Fade = fade
					p := b.policy.Picker(cs, k)
					named, names := 0, 0
					for range queries {
						list := b.pick(p, upTo(n), 0, k)
						names += len(list)
						if slices.Contains(list, 2) {
							named++
						}
					}
					want := queries * inclusion([]int{1, 1, 1, 1}, []float64{1, 1, fade, 1}, k)[2]
					// Eight standard deviations.
					if slack := 8*math.Sqrt(want) + 2; math.Abs(float64(named)-want) > slack {
						t.Errorf("fade %g: named %d times of %d, want %.0f", fade, named, queries, want)
					}
					share := float64(named) / float64(names)
					if share < last-0.01 {
						t.Errorf("fade %g: share %.3f, after %.3f", fade, share, last)
					}
					last = share
				}
			})
		}
	}
}

// TestEqualWeightsAreRoundRobin: then the answers are runs, of which there are as many as members.
func TestEqualWeightsAreRoundRobin(t *testing.T) {
	b := newTestbed(t, "weighted", 5)
	if _, ok := b.picker(upTo(5), 2).(Turns); !ok {
		t.Error("weighted with equal weights is not round robin")
	}
}

// TestOneNobodyPerAnswer: when shares sum to no whole number, answers have that many names or one more, and never none.
func TestOneNobodyPerAnswer(t *testing.T) {
	s := newSampler([]int{1, 1, 1}, []float64{1, 0.3, 0.2}, 3)
	for turn := range uint64(10000) {
		if n := len(s.pick(s.first(turn), nil)); n < 1 || n > 2 {
			t.Fatalf("an answer of %d names, want 1 or 2", n)
		}
	}
}

func TestFailoverKeepsItsOrder(t *testing.T) {
	b := newTestbed(t, "failover", 4)
	for _, eligible := range [][]int32{{0, 1, 2, 3}, {1, 3}, {2}} {
		k := min(2, len(eligible))
		if named := b.pick(b.picker(eligible, k), eligible, 0, k); !slices.Equal(named, eligible[:k]) {
			t.Errorf("of %v the answer names %v, want the first", eligible, named)
		}
	}
}

// TestFailoverFades: a first member that has come back takes over client by client, each once.
func TestFailoverFades(t *testing.T) {
	b := newTestbed(t, "failover", 3)
	for key := range uint64(500) {
		key = mix(key)
		crossed := false
		for _, fade := range []float64{0.01, 0.2, 0.5, 0.8, 0.99} {
			p := b.policy.Picker([]Candidate{{Member: 0, Fade: fade}, {Member: 1, Fade: 1}, {Member: 2, Fade: 1}}, 1)
			first := b.pick(p, upTo(3), key, 1)[0]
			if crossed && first != 0 || first == 2 {
				t.Fatalf("client %x: member %d at fade %g", key, first, fade)
			}
			crossed = first == 0
		}
	}
}
