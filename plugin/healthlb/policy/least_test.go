package policy

import (
	"math"
	"slices"
	"testing"
	"time"
)

// loads names so many answers of k and returns how often each member was named.
func (s *scene) loads(p Picker, k, answers int) []int {
	counts := make([]int, len(s.members))
	for range answers {
		for _, m := range named(p, s.cs, k, s.query(0)) {
			counts[m]++
		}
	}
	return counts
}

// TestDrawLeavesOut compares draws beside some that are left out with the shares of the others.
func TestDrawLeavesOut(t *testing.T) {
	arcs := []uint64{5, 1, 20, 3, 1, 10}
	w := newWheel(arcs)
	s := newScene(t, Spec{Name: "least"}, 1)
	for seed := range uint64(40) {
		s.seed(seed)
		var out urn
		if seed%2 == 0 {
			out.long = newPiles(w, w)
		}
		for _, x := range []int32{2, 0, 4, 5} {
			out.take(x)
		}
		out.put(4)
		counts, freedom := make([]int, len(arcs)), 0
		expected := make([]float64, len(arcs))
		for i, arc := range arcs {
			if expected[i] = 1e-9; !slices.Contains([]int{0, 2, 5}, i) {
				expected[i] = 10000 * float64(arc) / 5
				freedom++
			}
		}
		l := s.query(0).lots()
		for range 10000 {
			counts[out.draw(&l, w, byWeight)]++
		}
		if x := chiSquare(counts, expected); x > chiSquareLimit(freedom-1) {
			t.Errorf("seed %d: chi-square %.1f for %v, want %v", seed, x, counts, expected)
		}
	}
}

// TestLeastSpreads gives 100 answers per member: with two choices the fullest member is some log log n above the mean, where at random it
// would be about 3 square roots of the mean.
func TestLeastSpreads(t *testing.T) {
	const n, each = 200, 100
	for seed := range uint64(20) {
		for _, k := range []int{1, 4} {
			s := newScene(t, Spec{Name: "least"}, alike(n, 1)...)
			s.seed(seed)
			two := slices.Max(s.loads(s.policy.Picker(s.cs, k), k, n*each/k))
			r := newScene(t, Spec{Name: "random"}, alike(n, 1)...)
			r.seed(seed)
			one := slices.Max(r.loads(r.policy.Picker(r.cs, k), k, n*each/k))
			if two > each+8 || one < each+15 {
				t.Errorf("seed %d, %d names: at most %d by least, %d at random; the mean is %d", seed, k, two, one, each)
			}
		}
	}
}

// TestLeastWeighs checks that the leases come out in proportion to the weights.
func TestLeastWeighs(t *testing.T) {
	weights := []int{1, 2, 3, 4, 10, 10, 10, 20}
	for seed := range uint64(20) {
		s := newScene(t, Spec{Name: "least"}, weights...)
		s.seed(seed)
		for i, c := range s.loads(s.policy.Picker(s.cs, 1), 1, 6000) {
			if want := weights[i] * 100; math.Abs(float64(c-want)) > 3*float64(weights[i])+10 {
				t.Errorf("seed %d: weight %d was named %d times, want about %d", seed, weights[i], c, want)
			}
		}
	}
}

// TestLeastNamesDistinctWithExtremeWeights draws where rejection would run for long.
func TestLeastNamesDistinctWithExtremeWeights(t *testing.T) {
	s := newScene(t, Spec{Name: "least"}, 65535, 1, 1, 1, 65535)
	counts := s.loads(s.policy.Picker(s.cs, 4), 4, 5000)
	if counts[0] < 4990 || counts[4] < 4990 || counts[1]+counts[2]+counts[3] < 9990 {
		t.Errorf("named %v times in 5000 answers of 4", counts)
	}
}

// TestLeastLongAnswers has answers longer than draws can be exact for.
func TestLeastLongAnswers(t *testing.T) {
	s := newScene(t, Spec{Name: "least"}, alike(200, 1)...)
	s.members[7].Weight = 65535
	s.policy.Members(s.members)
	counts := s.loads(s.policy.Picker(s.cs, 150), 150, 400)
	// Each duel is decided by leases, so all but the heavy one are named alike: 149 of 199 answers, give or take.
	for m, c := range counts {
		if m == 7 && c != 400 || c < 100 {
			t.Errorf("member %d was named %d times of 400", m, c)
		}
	}
}

// TestLeastByReports has one member report that it is idle and the others that they are busy: it is named in each duel it is drawn for,
// and the others, when it is not.
func TestLeastByReports(t *testing.T) {
	const n, answers = 4, 6000
	for seed := range uint64(20) {
		s := newScene(t, Spec{Name: "least", Report: time.Minute}, alike(n, 1)...)
		s.seed(seed)
		for i := range s.cs {
			s.cs[i].Load.Report(10+float64(i), s.now+10)
		}
		counts := s.loads(s.policy.Picker(s.cs, 1), 1, answers)
		// Of the 6 pairs, the idlest is in 3, the next wins 2 of the others, and the last wins none.
		if x := chiSquare(counts, []float64{answers / 2, answers / 3, answers / 6, 1e-9}); counts[3] != 0 || x > chiSquareLimit(2) {
			t.Errorf("seed %d: named %v, chi-square %.1f", seed, counts, x)
		}
		s.now += 10 // the reports have run out, and the leases decide, of which the last has none
		if counts = s.loads(s.policy.Picker(s.cs, 1), 1, 100); counts[3] < 40 {
			t.Errorf("seed %d: with old reports %v", seed, counts)
		}
	}
}

// TestLeastFadesIn checks that a member's part of the answers grows with its fade, with and without reports that say it is idle, however
// many others there are.
func TestLeastFadesIn(t *testing.T) {
	const answers, steps = 5000, 10
	for _, n := range []int{2, 3, 6} {
		for _, reports := range []bool{false, true} {
			for _, k := range []int{1, 2, 3} {
				last, full := -1.0, 0.0
				for step := steps; step >= 1; step-- {
					s := newScene(t, Spec{Name: "least", Report: time.Minute}, alike(n, 1)...)
					s.seed(uint64(step))
					fade := float64(step) / steps
					s.cs[0].Fade = fade
					for i := range s.cs {
						if reports {
							s.cs[i].Load.Report(float64(i), s.now+10)
						}
					}
					share := float64(s.loads(s.policy.Picker(s.cs, k), k, answers)[0]) / answers
					if full == 0 {
						full = share
					}
					// One deviation of a share is at most 0.0071 here; five of the difference of two are 0.05.
					if last >= 0 && share > last+0.05 || share > fade+0.05 || share < 0.5*fade*full-0.05 {
						t.Errorf("%d members, %d names, reports %v: at fade %.2f a share of %.3f after %.3f, %.3f in full",
							n, k, reports, fade, share, last, full)
					}
					last = share
				}
			}
		}
	}
}

// TestLeastTakesLeases checks that an answer leaves one lease in all, and none when the query is dry.
func TestLeastTakesLeases(t *testing.T) {
	for _, k := range []int{1, 2, 3, 5} {
		s := newScene(t, Spec{Name: "least"}, 1, 2, 3, 4, 5)
		p := s.policy.Picker(s.cs, k)
		for dry, want := range map[bool]int64{true: 0, false: One} {
			q := s.query(0)
			q.Dry = dry
			named(p, s.cs, k, q)
			sum := int64(0)
			for _, c := range s.cs {
				sum += c.Load.Leases(s.now)
			}
			if dry && sum > One || !dry && sum != want {
				t.Errorf("%d names, dry %v: %d is taken, want %d", k, dry, sum, want)
			}
		}
	}
}
