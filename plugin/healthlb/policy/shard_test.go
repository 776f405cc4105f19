package policy

import (
	"math"
	"slices"
	"testing"
)

// seen returns the members that a client sees, whatever the policy does with them.
func seen(s *scene, p Picker, cs []Candidate, key uint64) []int32 {
	var ms []int32
	for _, at := range p.(Sharder).Shard(key, nil) {
		ms = append(ms, cs[at].Member)
	}
	slices.Sort(ms)
	return ms
}

// TestShardReplacesOne checks what each client sees when a member goes: all the others it had, and one more.
func TestShardReplacesOne(t *testing.T) {
	const n, size, clients = 30, 4, 1000
	s := newScene(t, Spec{Name: "random", Shard: size}, alike(n, 1)...)
	before := s.policy.Picker(s.cs, 1)
	for gone := range int32(n) {
		left := s.without(gone)
		after := s.policy.Picker(left, 1)
		for c := range uint64(clients) {
			was, is := seen(s, before, s.cs, mix(c)), seen(s, after, left, mix(c))
			kept := slices.DeleteFunc(slices.Clone(was), func(m int32) bool { return m == gone })
			for _, m := range kept {
				if !slices.Contains(is, m) {
					t.Fatalf("without %d, %v became %v", gone, was, is)
				}
			}
			if len(kept) == size && !slices.Equal(was, is) {
				t.Fatalf("without %d, %v became %v", gone, was, is)
			}
		}
	}
}

// TestShardIsTheSameForAll checks for all policies but hash that neither the policy nor the weights nor the order of members change what a client sees.
func TestShardIsTheSameForAll(t *testing.T) {
	weights := []int{1, 5, 3, 0, 2, 1, 1, 1, 9, 9, 9, 0}
	a := newScene(t, Spec{Name: "random", Shard: 3}, alike(12, 1)...)
	p := a.policy.Picker(a.cs, 1)
	for name := range choices {
		b := newScene(t, Spec{Name: name, Shard: 3}, weights...)
		slices.Reverse(b.members)
		b.policy.Members(b.members)
		q := b.policy.Picker(b.cs, 1)
		for range 300 {
			key := a.random.Uint64()
			x, y := seen(a, p, a.cs, key), seen(b, q, b.cs, key)
			for i := range y {
				y[i] = 11 - y[i]
			}
			if slices.Sort(y); !slices.Equal(x, y) {
				t.Fatalf("%s shows %v, random %v", name, y, x)
			}
		}
	}
}

// TestShardIsEven checks that members are seen by about equally many clients. The spread is that of the ring, 8%, and that of the test.
func TestShardIsEven(t *testing.T) {
	const n, size, clients = 50, 5, 40000
	s := newScene(t, Spec{Name: "random", Shard: size}, alike(n, 1)...)
	p := s.policy.Picker(s.cs, 1)
	counts := make([]float64, n)
	for c := range uint64(clients) {
		for _, m := range seen(s, p, s.cs, mix(c)) {
			counts[m]++
		}
	}
	mean, variance := float64(clients*size)/n, 0.0
	for _, c := range counts {
		variance += (c/mean - 1) * (c/mean - 1) / n
	}
	if d := math.Sqrt(variance); d > 0.1 {
		t.Errorf("the members' clients deviate by %.3f of the mean, want below 0.1", d)
	}
}

func TestShardOfFewMembers(t *testing.T) {
	for _, name := range Names {
		s := newScene(t, Spec{Name: name, Shard: 4}, 1, 1, 1, 1)
		if _, ok := s.policy.Picker(s.cs, 1).(Sharder); ok {
			t.Errorf("%s: four members are divided into shards of four", name)
		}
	}
}

// TestShardedShares compares how often one client's members are named with what each policy means by its weights.
func TestShardedShares(t *testing.T) {
	const answers = 20000
	weights := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for _, name := range []string{"round_robin", "random", "weighted"} {
		for seed := range uint64(20) {
			s := newScene(t, Spec{Name: name, Shard: 4}, weights...)
			s.seed(seed)
			p := s.policy.Picker(s.cs, 1)
			key := s.random.Uint64()
			ms := seen(s, p, s.cs, key)
			counts, expected, sum := make([]int, 4), make([]float64, 4), 0.0
			for range answers {
				counts[slices.Index(ms, named(p, s.cs, 1, s.query(key))[0])]++
			}
			for i, m := range ms {
				expected[i] = 1
				if name == "weighted" {
					expected[i] = float64(weights[m])
				}
				sum += expected[i]
			}
			for i := range expected {
				expected[i] *= answers / sum
			}
			if x := chiSquare(counts, expected); x > chiSquareLimit(3) {
				t.Errorf("%s, seed %d: named %v, want %.0f: chi-square %.1f", name, seed, counts, expected, x)
			}
		}
	}
}

// TestShardedHash checks that hash names the same members in a shard as without it, and sees those that it would name next.
func TestShardedHash(t *testing.T) {
	weights := []int{1, 2, 3, 4, 5, 1, 2, 3, 4, 5}
	for _, k := range []int{1, 2, 4} {
		whole, parts := newScene(t, Spec{Name: "hash"}, weights...), newScene(t, Spec{Name: "hash", Shard: 4}, weights...)
		p, all, q := whole.policy.Picker(whole.cs, k), whole.policy.Picker(whole.cs, 4), parts.policy.Picker(parts.cs, k)
		for c := range uint64(500) {
			query := whole.query(mix(c))
			if x, y := named(p, whole.cs, k, query), named(q, parts.cs, k, query); !slices.Equal(x, y) {
				t.Fatalf("%v without shard, %v with it", x, y)
			}
			x := named(all, whole.cs, 4, query)
			if slices.Sort(x); !slices.Equal(x, seen(parts, q, parts.cs, mix(c))) {
				t.Fatalf("four names are %v, a client sees %v", x, seen(parts, q, parts.cs, mix(c)))
			}
		}
	}
}

// TestShardedFailover names the first of those a client sees.
func TestShardedFailover(t *testing.T) {
	s := newScene(t, Spec{Name: "failover", Shard: 4}, alike(20, 1)...)
	for _, k := range []int{1, 2, 4} {
		p := s.policy.Picker(s.cs, k)
		for range 200 {
			key := s.random.Uint64()
			if is, want := named(p, s.cs, k, s.query(key)), seen(s, p, s.cs, key)[:k]; !slices.Equal(is, want) {
				t.Fatalf("%v, want %v", is, want)
			}
		}
	}
}

// TestShardedClientsCrossOnce has a member fade in: with hash and failover, each client that sees it goes there from some fade on.
func TestShardedClientsCrossOnce(t *testing.T) {
	for _, name := range []string{"hash", "failover"} {
		s := newScene(t, Spec{Name: name, Shard: 4}, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2)
		crossed := make([]bool, 2000)
		steps := make([]int, 11)
		for step := 1; step <= 10; step++ {
			s.cs[0].Fade = float64(step) / 10
			p := s.policy.Picker(s.cs, 1)
			for c, was := range crossed {
				is := named(p, s.cs, 1, s.query(mix(uint64(c))))[0] == 0
				if was && !is {
					t.Fatalf("%s: client %d went back at %.1f", name, c, s.cs[0].Fade)
				}
				if crossed[c] = is; is {
					steps[step]++
				}
			}
		}
		// With failover, the first of all is named to everyone who sees it: 40%.
		if half := float64(steps[5]) / float64(steps[10]); half < 0.35 || half > 0.65 {
			t.Errorf("%s: at half the fade %.2f have crossed", name, half)
		}
	}
}

// TestShardedFadeIsByClient has a member fade in where answers name all that a client sees: whatever the policy, a client that has been
// answered with it once is from then on.
func TestShardedFadeIsByClient(t *testing.T) {
	for _, name := range Names {
		s := newScene(t, Spec{Name: name, Shard: 4}, alike(10, 1)...)
		crossed := make([]bool, 500)
		for step := 1; step <= 10; step++ {
			s.cs[0].Fade = float64(step) / 10
			p := s.policy.Picker(s.cs, 4)
			for c, was := range crossed {
				crossed[c] = slices.Contains(named(p, s.cs, 4, s.query(mix(uint64(c)))), 0)
				if was && !crossed[c] {
					t.Fatalf("%s: client %d went back at %.1f", name, c, s.cs[0].Fade)
				}
			}
		}
	}
}

// TestShardedLeast checks that two choices among what each client sees still spread.
func TestShardedLeast(t *testing.T) {
	const n, each = 100, 100
	for seed := range uint64(20) {
		s := newScene(t, Spec{Name: "least", Shard: 4}, alike(n, 1)...)
		p := s.policy.Picker(s.cs, 1)
		s.seed(seed)
		counts := make([]int, n)
		for range n * each {
			counts[named(p, s.cs, 1, s.query(s.random.Uint64()))[0]]++
		}
		if most := slices.Max(counts); most > each+20 {
			t.Errorf("seed %d: the fullest has %d, the mean is %d", seed, most, each)
		}
	}
}
