package policy

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestEveryPolicyWithEverything checks that whatever the weights, fades, loads and shards, a picker names at least one of the candidates,
// at most k, nobody twice, within its room, and without allocating.
func TestEveryPolicyWithEverything(t *testing.T) {
	for _, name := range Names {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				spec := Spec{Name: name, Shard: rapid.SampledFrom([]int{0, 0, 1, 3, 5, 64, 100}).Draw(r, "shard")}
				if name == "hash" {
					spec.Factor = rapid.SampledFrom([]float64{0, 1, 1.25, 3}).Draw(r, "factor")
				}
				n := rapid.IntRange(1, 150).Draw(r, "n")
				heaviest := rapid.SampledFrom([]int{0, 1, 3, 100, 65535}).Draw(r, "heaviest")
				weights := rapid.SliceOfN(rapid.IntRange(min(1, heaviest), heaviest), n, n).Draw(r, "weights")
				s := newScene(t, spec, weights...)
				for i := range s.cs {
					s.cs[i].Load.take(int64(rapid.IntRange(0, 3).Draw(r, "leases"))*One, -1)
				}
				gone := rapid.SliceOfNDistinct(rapid.Int32Range(0, int32(n-1)), 0, n-1, rapid.ID[int32]).Draw(r, "gone")
				cs := slices.DeleteFunc(slices.Clone(s.cs), func(c Candidate) bool { return slices.Contains(gone, c.Member) })
				if rapid.Bool().Draw(r, "fading") {
					for i := range cs {
						cs[i].Fade = rapid.SampledFrom([]float64{1, 0.5, 0.01, 1e-6}).Draw(r, "fade")
					}
					cs[rapid.IntRange(0, len(cs)-1).Draw(r, "faded in")].Fade = 1
				}
				k := rapid.IntRange(1, 2*len(cs)).Draw(r, "k")
				p := s.policy.Picker(cs, k)
				for range 5 {
					q := s.query(rapid.Uint64().Draw(r, "key"))
					q.Dry = rapid.Bool().Draw(r, "dry")
					buf := make([]int32, 0, p.Room())
					start, list := p.Pick(q, buf)
					if list == nil {
						if start < 0 || start >= len(cs) {
							r.Fatalf("a run from %d of %d on", start, len(cs))
						}
						continue
					}
					if len(list) == 0 || len(list) > k || len(list) > p.Room() {
						r.Fatalf("%d named, at most %d with room %d", len(list), k, p.Room())
					}
					if len(list) > 0 && &list[0] != &buf[:1][0] {
						r.Fatalf("the list is not in the buffer")
					}
					slices.Sort(list)
					if list[0] < 0 || int(list[len(list)-1]) >= len(cs) || len(slices.Compact(list)) != len(list) {
						r.Fatalf("named %v of %d", list, len(cs))
					}
				}
			})
		})
	}
}

// TestPickDoesNotAllocate checks that queries with up to 64 names leave nothing to collect, given the room.
func TestPickDoesNotAllocate(t *testing.T) {
	for name, spec := range benchSpecs() {
		for _, fade := range []float64{1, 0.5} {
			for _, k := range []int{1, 3, 50, 100} {
				s := newScene(t, spec, alike(100, 2)...)
				s.cs[50].Fade = fade
				p := s.policy.Picker(s.cs, k)
				buf := make([]int32, 0, p.Room())
				q := s.query(0)
				if allocs := testing.AllocsPerRun(100, func() {
					q.Key = mix(q.Key)
					p.Pick(q, buf)
				}); allocs > 0 {
					t.Errorf("%s, %d names, fade %v: %v allocations", name, k, fade, allocs)
				}
			}
		}
	}
}
