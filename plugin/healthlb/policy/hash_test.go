package policy

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestHashLosesOnlyItsOwn checks what consistent hashing is for: when one of n members goes, only its clients move, about one in n of
// them, and they are back when it is.
func TestHashLosesOnlyItsOwn(t *testing.T) {
	const n, clients = 10, 10000
	b := newTestbed(t, "hash", n)
	all := upTo(n)
	before := b.picker(all, 1)
	for gone := range int32(n) {
		left := without(all, gone)
		after := b.picker(left, 1)
		moved := 0
		for key := range uint64(clients) {
			key *= math.MaxUint64 / clients
			was, is := b.pick(before, all, key, 1)[0], b.pick(after, left, key, 1)[0]
			switch {
			case was == gone:
				moved++
			case was != is:
				t.Fatalf("without %d a client of %d moved to %d", gone, was, is)
			}
		}
		if moved < clients/n/2 || moved > clients/n*2 {
			t.Errorf("without %d, %d of %d clients moved, want about %d", gone, moved, clients, clients/n)
		}
	}
}

// TestHashAnswersShareMembers checks the same for answers of several members: losing one replaces only that one.
func TestHashAnswersShareMembers(t *testing.T) {
	const n, k = 20, 4
	b := newTestbed(t, "hash", n)
	all, left := upTo(n), without(upTo(n), 7)
	before, after := b.picker(all, k), b.picker(left, k)
	for range 2000 {
		key := b.random.Uint64()
		was, is := b.pick(before, all, key, k), b.pick(after, left, key, k)
		for _, m := range was {
			if m != 7 && !slices.Contains(is, m) {
				t.Fatalf("without 7, %v became %v", was, is)
			}
		}
	}
}

func TestHashIsTheSameEverywhere(t *testing.T) {
	a, b := newTestbed(t, "hash", 50), newTestbed(t, "hash", 50)
	slices.Reverse(b.members)
	b.policy.Members(b.members)
	p, q := a.picker(upTo(50), 1), b.picker(upTo(50), 1)
	for range 1000 {
		key := a.random.Uint64()
		x, y := a.members[a.pick(p, upTo(50), key, 1)[0]].ID, b.members[b.pick(q, upTo(50), key, 1)[0]].ID
		if x != y {
			t.Fatalf("two orders of the same members give %s and %s", x, y)
		}
	}
}

// TestHashSparse checks that a ring of few eligible members picks as the whole ring would.
func TestHashSparse(t *testing.T) {
	const n = 100
	b := newTestbed(t, "hash", n)
	eligible := []int32{3, 50, 51, 99}
	sparse := b.picker(eligible, 3).(*walk)
	whole := *sparse
	whole.ring = b.policy.(*hash).main.ring
	if sparse.ring == whole.ring {
		t.Fatal("no ring of their own was made")
	}
	for range 1000 {
		key := b.random.Uint64()
		if x, y := b.pick(sparse, eligible, key, 3), b.pick(&whole, eligible, key, 3); !slices.Equal(x, y) {
			t.Fatalf("sparse ring %v, whole ring %v", x, y)
		}
	}
}

// arcShares returns which share of the ring each of n members owns.
func arcShares(r *ring, n int) []float64 {
	shares := make([]float64, n)
	for i, p := range r.points {
		shares[p&ownerMask] += float64(p-r.points[(i+len(r.points)-1)%len(r.points)]) / math.Exp2(64)
	}
	return shares
}

// TestHashSpread measures the spread of equal shares for ten members: the deviation of a sum of 160 exponential arcs is 1/sqrt(160) = 8%.
func TestHashSpread(t *testing.T) {
	const n = 10
	variance := 0.0
	for _, s := range arcShares(newTestbed(t, "hash", n).policy.(*hash).main.ring, n) {
		variance += (s*n - 1) * (s*n - 1) / n
	}
	if deviation := math.Sqrt(variance); deviation > 0.1 {
		t.Errorf("the members' shares deviate by %.3f of the mean, want below 0.1", deviation)
	}
}

// TestHashWeighs compares shares of the ring with the weights. A share that stands on m points deviates by 1/sqrt(m); the limit is four
// times that.
func TestHashWeighs(t *testing.T) {
	for _, weights := range [][]int{
		{1, 1, 1, 1}, {1, 2, 3, 4, 5}, {10, 10, 1, 1}, {3, 3, 3}, {100, 50, 50, 7, 7, 7, 7}, {65535, 65535, 20000},
	} {
		t.Run(fmt.Sprint(weights), func(t *testing.T) {
			s := newScene(t, Spec{Name: "hash"}, weights...)
			h := s.policy.(*hash)
			sum := 0
			for _, w := range weights {
				sum += w
			}
			shares := arcShares(h.main.ring, len(weights))
			for i, w := range weights {
				got, want := shares[i], float64(w)/float64(sum)
				if limit := 4 / math.Sqrt(float64(h.main.counts[i])); math.Abs(got/want-1) > limit {
					t.Errorf("weight %d has %.4f of the ring, want %.4f within %.0f%%", w, got, want, 100*limit)
				}
			}
		})
	}
}

func TestHashPoints(t *testing.T) {
	for _, c := range []struct {
		weights, want []int
	}{
		{[]int{1, 1, 1}, []int{160, 160, 160}},
		{[]int{1, 1, 0}, []int{160, 160, 0}},
		{[]int{3, 3}, []int{240, 240}},
		{[]int{64, 64}, []int{160, 160}},
		{[]int{2, 1, 1}, []int{320, 160, 160}},
		{[]int{65535, 1, 1}, []int{639, 1, 1}},
		{[]int{0, 0}, []int{0, 0}},
		{nil, []int{}},
	} {
		ms := make([]Member, len(c.weights))
		for i, w := range c.weights {
			ms[i].Weight = w
		}
		if got := countsByWeight(ms); !slices.Equal(got, c.want) {
			t.Errorf("weights %v: points %v, want %v", c.weights, got, c.want)
		}
	}
}

// TestHashFadesIn has a member fade in beside others, some of which fade in as well: every client crosses over to it at most once, its
// share of the clients grows with its fade, and who it does not take over keeps what it had.
func TestHashFadesIn(t *testing.T) {
	const n, clients, steps = 8, 4000, 20
	for _, k := range []int{1, 3, n} {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			s := newScene(t, Spec{Name: "hash"}, 1, 2, 3, 1, 2, 3, 1, 2)
			s.cs[6].Fade, s.cs[7].Fade = 0.3, 0.6 // they stay at that
			before := make([][]int32, clients)
			last := s.policy.Picker(s.without(2), k)
			for c := range before {
				before[c] = named(last, s.without(2), k, s.query(mix(uint64(c))))
			}
			half, final := 0, 0
			for step := 1; step <= steps; step++ {
				s.cs[2].Fade = float64(step) / steps
				p := s.policy.Picker(s.cs, k)
				crossed := 0
				for c, was := range before {
					is := named(p, s.cs, k, s.query(mix(uint64(c))))
					if slices.Contains(is, 2) {
						crossed++
					}
					for _, m := range is {
						if m != 2 && !slices.Contains(was, m) {
							t.Fatalf("at %.2f a client of %v came to %v", s.cs[2].Fade, was, is)
						}
					}
					if slices.Contains(was, 2) && !slices.Equal(was, is) || len(is) < len(was) {
						t.Fatalf("at %.2f a client of %v left for %v", s.cs[2].Fade, was, is)
					}
					before[c] = is
				}
				if final = crossed; step == steps/2 {
					half = crossed
				}
			}
			// Each of those who cross in the end has done so half way with probability 1/2; five deviations are allowed.
			if limit := 2.5 * math.Sqrt(float64(final)); math.Abs(float64(half)-float64(final)/2) > limit {
				t.Errorf("half way %d of %d have crossed", half, final)
			}
			if final < clients/10 {
				t.Errorf("in the end %d of %d go to the member", final, clients)
			}
		})
	}
}

// TestHashWhenNearlyAllFade checks that a query finds the only member that all go to among 10,000 in a bounded number of steps, and
// that those who have crossed to another stay there.
func TestHashWhenNearlyAllFade(t *testing.T) {
	const n, k = 10000, 3
	s := newScene(t, Spec{Name: "hash"}, alike(n, 1)...)
	before := make([][]int32, 200)
	for _, fade := range []float64{1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2} {
		for i := range s.cs[1:] {
			s.cs[i+1].Fade = fade
		}
		p := s.policy.Picker(s.cs, k)
		if steps := p.(*walk).steps; steps > 1100 {
			t.Fatalf("a query looks at %d points", steps)
		}
		for c, was := range before {
			is := named(p, s.cs, k, s.query(mix(uint64(c))))
			if fade == 1e-9 && !slices.Equal(is, []int32{0}) {
				t.Fatalf("%v, want only the one that has faded in", is)
			}
			if len(was) > len(is) {
				t.Fatalf("%v became %v", was, is)
			}
			for _, m := range was {
				if len(is) < k && !slices.Contains(is, m) {
					t.Fatalf("%v became %v, which has room", was, is)
				}
			}
			before[c] = is
		}
	}
}

// TestHashStandbys checks that members of weight 0 share the clients evenly once no other is a candidate.
func TestHashStandbys(t *testing.T) {
	s := newScene(t, Spec{Name: "hash"}, 5, 0, 0, 0, 7)
	cs := s.cs[1:4]
	p := s.policy.Picker(cs, 1)
	counts := make(map[int32]int)
	for range 3000 {
		counts[named(p, cs, 1, s.query(s.random.Uint64()))[0]]++
	}
	for m := range int32(3) {
		if c := counts[m+1]; c < 700 || c > 1300 {
			t.Errorf("standby %d has %d of 3000 clients", m+1, c)
		}
	}
}

// TestHashLosesOnlyItsOwnByWeight is the same as TestHashLosesOnlyItsOwn for weights and several names: about w of sum w move.
func TestHashLosesOnlyItsOwnByWeight(t *testing.T) {
	const clients = 10000
	weights := []int{1, 2, 3, 4, 5, 6, 7, 8}
	s := newScene(t, Spec{Name: "hash"}, weights...)
	before := s.policy.Picker(s.cs, 1)
	for gone := range int32(len(weights)) {
		left := s.without(gone)
		after := s.policy.Picker(left, 1)
		moved := 0
		for c := range uint64(clients) {
			q := s.query(mix(c))
			was, is := named(before, s.cs, 1, q)[0], named(after, left, 1, q)[0]
			if was != is {
				if moved++; was != gone {
					t.Fatalf("without %d, a client of %d moved to %d", gone, was, is)
				}
			}
		}
		// Four deviations of a share that stands on so many points, see TestHashWeighs.
		want := clients * float64(weights[gone]) / 36
		limit := 4 * want / math.Sqrt(float64(s.policy.(*hash).main.counts[gone]))
		if math.Abs(float64(moved)-want) > limit {
			t.Errorf("without weight %d, %d moved, want %.0f within %.0f", weights[gone], moved, want, limit)
		}
	}
}

// TestHashRoomAndScope checks what a picker says of itself.
func TestHashRoomAndScope(t *testing.T) {
	s := newScene(t, Spec{Name: "hash"}, 1, 1, 1)
	for _, c := range []struct {
		k, room   int
		perClient bool
		fade      float64
	}{{1, 0, true, 1}, {2, 2, true, 1}, {3, 0, false, 1}, {9, 0, false, 1}, {9, 3, true, 0.5}, {1, 0, true, 0.5}} {
		s.cs[1].Fade = c.fade
		if p := s.policy.Picker(s.cs, c.k); p.Room() != c.room || p.PerClient() != c.perClient {
			t.Errorf("k %d fade %v: room %d, per client %v", c.k, c.fade, p.Room(), p.PerClient())
		}
	}
}
