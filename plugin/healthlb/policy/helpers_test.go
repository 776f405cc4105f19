package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
)

// scene is a policy told of members, the candidates among them, and what a query needs.
type scene struct {
	policy  Policy
	members []Member
	cs      []Candidate
	turn    atomic.Uint64
	random  *rand.Rand
	now     int64
}

// newScene makes members of these weights, all are candidates that have faded in, with a Load each.
func newScene(tb testing.TB, s Spec, weights ...int) *scene {
	tb.Helper()
	p, err := New(s)
	if err != nil {
		tb.Fatal(err)
	}
	sc := &scene{policy: p, random: rand.New(rand.NewPCG(3, 4)), now: 1_700_000_000}
	for i, w := range weights {
		sc.members = append(sc.members, Member{ID: fmt.Sprintf("192.0.2.%d", i), Weight: w})
		sc.cs = append(sc.cs, Candidate{Member: int32(i), Fade: 1, Load: NewLoad(60)})
	}
	p.Members(sc.members)
	return sc
}

func alike(n, weight int) []int { return slices.Repeat([]int{weight}, n) }

// seed starts the random numbers anew.
func (s *scene) seed(seed uint64) { s.random = rand.New(rand.NewPCG(seed, 5)) }

func (s *scene) query(key uint64) Query {
	return Query{Key: key, Turn: &s.turn, Rand: s.random.Uint64N, Now: s.now}
}

// without returns the candidates but one member.
func (s *scene) without(gone int32) []Candidate {
	return slices.DeleteFunc(slices.Clone(s.cs), func(c Candidate) bool { return c.Member == gone })
}

// named returns the members, by index, that a picker of k of the candidates names.
func named(p Picker, cs []Candidate, k int, q Query) []int32 {
	start, list := p.Pick(q, make([]int32, 0, p.Room()))
	var ms []int32
	if list == nil {
		for i := range min(k, len(cs)) {
			ms = append(ms, cs[(start+i)%len(cs)].Member)
		}
		return ms
	}
	for _, at := range list {
		ms = append(ms, cs[at].Member)
	}
	return ms
}

// hold lets the leases of an answer run out at a time.
func (s *scene) hold(ms []int32, until int64) {
	for _, m := range ms {
		s.cs[slices.IndexFunc(s.cs, func(c Candidate) bool { return c.Member == m })].Load.Hold(until, len(ms))
	}
}

// chiSquare returns the statistic of counts against what is expected of each.
func chiSquare(counts []int, expected []float64) float64 {
	sum := 0.0
	for i, c := range counts {
		d := float64(c) - expected[i]
		sum += d * d / expected[i]
	}
	return sum
}

// chiSquareLimit returns the 99.9999% point of the chi-square distribution, by Wilson and Hilferty's approximation.
func chiSquareLimit(freedom int) float64 {
	f := float64(freedom)
	x := 1 - 2/(9*f) + 4.7534*math.Sqrt(2/(9*f))
	return f * x * x * x
}
