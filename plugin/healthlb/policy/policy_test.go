package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// testbed is a policy told of n members, and what queries need.
type testbed struct {
	policy  Policy
	members []Member
	turn    atomic.Uint64
	random  *rand.Rand
}

func newTestbed(tb testing.TB, name string, n int) *testbed {
	tb.Helper()
	p, err := New(Spec{Name: name})
	if err != nil {
		tb.Fatal(err)
	}
	b := &testbed{policy: p, random: rand.New(rand.NewPCG(1, 2))}
	for i := range n {
		b.members = append(b.members, Member{ID: fmt.Sprintf("192.0.2.%d", i), Weight: 1})
	}
	p.Members(b.members)
	return b
}

// picker returns a picker of k of the eligible members, all of which have faded in.
func (b *testbed) picker(eligible []int32, k int) Picker {
	cs := make([]Candidate, len(eligible))
	for i, m := range eligible {
		cs[i] = Candidate{Member: m, Fade: 1, Load: NewLoad(30)}
	}
	return b.policy.Picker(cs, k)
}

// pick returns the members, by index, that a picker of k of the eligible ones names.
func (b *testbed) pick(p Picker, eligible []int32, key uint64, k int) []int32 {
	start, list := p.Pick(Query{Key: key, Turn: &b.turn, Rand: b.random.Uint64N}, nil)
	if list == nil {
		for i := range k {
			list = append(list, int32((start+i)%len(eligible)))
		}
	}
	named := make([]int32, len(list))
	for i, at := range list {
		named[i] = eligible[at]
	}
	return named
}

func upTo(n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

func without(members []int32, gone int32) []int32 {
	return slices.DeleteFunc(slices.Clone(members), func(m int32) bool { return m == gone })
}

func TestUnknownPolicy(t *testing.T) {
	_, err := New(Spec{Name: "roundrobin"})
	if err == nil || !strings.Contains(err.Error(), "failover, hash, least, random, round_robin, weighted") {
		t.Errorf("got %v, want an error that names the policies", err)
	}
}

// TestEveryPolicy checks what holds for all policies: k different members, all of them eligible.
func TestEveryPolicy(t *testing.T) {
	for _, name := range Names {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				n := rapid.IntRange(1, 200).Draw(r, "n")
				b := newTestbed(t, name, n)
				eligible := rapid.SliceOfNDistinct(rapid.Int32Range(0, int32(n-1)), 1, n, rapid.ID[int32]).Draw(r, "eligible")
				slices.Sort(eligible)
				k := rapid.IntRange(1, len(eligible)).Draw(r, "k")
				p := b.picker(eligible, k)
				for range 5 {
					named := b.pick(p, eligible, rapid.Uint64().Draw(r, "key"), k)
					if len(named) != k {
						r.Fatalf("named %d, want %d", len(named), k)
					}
					for _, m := range named {
						if !slices.Contains(eligible, m) {
							r.Fatalf("%d is named and not eligible", m)
						}
					}
					slices.Sort(named)
					if len(slices.Compact(named)) != k {
						r.Fatalf("someone is named twice")
					}
				}
			})
		})
	}
}

func TestRoundRobinIsExact(t *testing.T) {
	b := newTestbed(t, "round_robin", 5)
	eligible := []int32{0, 2, 3}
	p := b.picker(eligible, 2)
	first := make(map[int32]int)
	for range 300 {
		first[b.pick(p, eligible, 0, 2)[0]]++
	}
	for _, m := range eligible {
		if first[m] != 100 {
			t.Errorf("member %d came first %d times of 300, want 100", m, first[m])
		}
	}
}

// TestRandomIsUniform compares how often each subset is drawn with the even spread by a chi-square test. The seeds are fixed, so the
// test always takes the same way; the limit is the 99.9% point of the distribution with 9 degrees of freedom.
func TestRandomIsUniform(t *testing.T) {
	const n, k, subsets, draws, limit = 5, 2, 10, 20000, 27.88
	b := newTestbed(t, "random", n)
	p := b.picker(upTo(n), k)
	seen := make(map[string]int)
	for range draws {
		named := b.pick(p, upTo(n), 0, k)
		slices.Sort(named)
		seen[fmt.Sprint(named)]++
	}
	chi2, mean := 0.0, float64(draws)/subsets
	for _, count := range seen {
		chi2 += (float64(count) - mean) * (float64(count) - mean) / mean
	}
	if len(seen) != subsets || chi2 > limit {
		t.Errorf("%d subsets, chi-square %.1f; want %d, below %.1f", len(seen), chi2, subsets, limit)
	}
}
