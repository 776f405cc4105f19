package policy

import (
	"fmt"
	"math"
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
		cs[i] = Candidate{Member: m, Fade: 1}
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
	if err == nil || !strings.Contains(err.Error(), "hash, random, round_robin") {
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
	whole.ring = b.policy.(*hash).full
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

func TestHashSpread(t *testing.T) {
	const n = 10
	b := newTestbed(t, "hash", n)
	r := b.policy.(*hash).full
	share := make([]float64, n)
	for i, place := range r.places {
		share[r.owners[i]] += float64(place - r.places[(i+len(r.places)-1)%len(r.places)])
	}
	mean, variance := math.Exp2(64)/n, 0.0
	for _, s := range share {
		variance += (s - mean) * (s - mean) / n
	}
	if deviation := math.Sqrt(variance) / mean; deviation > 0.1 {
		t.Errorf("the members' shares deviate by %.3f of the mean, want below 0.1", deviation)
	}
}

func BenchmarkPick(b *testing.B) {
	for _, name := range Names {
		for _, n := range []int{4, 100, 10000} {
			for _, k := range []int{1, 4} {
				b.Run(fmt.Sprintf("%s/members=%d/answers=%d", name, n, k), func(b *testing.B) {
					bed := newTestbed(b, name, n)
					p := bed.picker(upTo(n), k)
					buf := make([]int32, 0, p.Room())
					q := Query{Turn: &bed.turn, Rand: rand.Uint64N}
					b.ReportAllocs()
					for b.Loop() {
						q.Key = q.Key*6364136223846793005 + 1442695040888963407
						p.Pick(q, buf)
					}
				})
			}
		}
	}
}
