package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// benchSpecs are the policies that benchmarks compare.
func benchSpecs() map[string]Spec {
	specs := make(map[string]Spec)
	for _, name := range Names {
		specs[name] = Spec{Name: name}
		specs[name+"+shard"] = Spec{Name: name, Shard: 4}
	}
	specs["hash+balance"] = Spec{Name: "hash", Factor: 1.25}
	specs["hash+balance+shard"] = Spec{Name: "hash", Factor: 1.25, Shard: 4}
	return specs
}

func BenchmarkPick(b *testing.B) {
	specs := benchSpecs()
	for _, name := range sortedKeys(specs) {
		for _, n := range []int{4, 100, 10000} {
			for _, k := range []int{1, 4} {
				b.Run(fmt.Sprintf("%s/members=%d/answers=%d", name, n, k), func(b *testing.B) {
					s := newScene(b, specs[name], alike(n, 1)...)
					p := s.policy.Picker(s.cs, k)
					buf := make([]int32, 0, p.Room())
					q := s.query(0)
					q.Rand = rand.Uint64N
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

// BenchmarkPickFading is BenchmarkPick with one of eight members fading in.
func BenchmarkPickFading(b *testing.B) {
	specs := benchSpecs()
	for _, name := range sortedKeys(specs) {
		b.Run(name, func(b *testing.B) {
			s := newScene(b, specs[name], alike(1000, 1)...)
			for i := range s.cs {
				if i%8 == 0 {
					s.cs[i].Fade = 0.3
				}
			}
			p := s.policy.Picker(s.cs, 4)
			buf := make([]int32, 0, p.Room())
			q := s.query(0)
			q.Rand = rand.Uint64N
			b.ReportAllocs()
			for b.Loop() {
				q.Key = q.Key*6364136223846793005 + 1442695040888963407
				p.Pick(q, buf)
			}
		})
	}
}

// BenchmarkPicker measures what a change of who is eligible costs among 10,000 members: all of them, and one in ten.
func BenchmarkPicker(b *testing.B) {
	const n = 10000
	specs := benchSpecs()
	for _, name := range sortedKeys(specs) {
		s := newScene(b, specs[name], alike(n, 1)...)
		for _, part := range []int{1, 10} {
			var cs []Candidate
			for i := 0; i < n; i += part {
				cs = append(cs, s.cs[i])
			}
			b.Run(fmt.Sprintf("%s/eligible=%d", name, len(cs)), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.policy.Picker(cs, 4)
				}
			})
		}
	}
}

// BenchmarkMembers measures what a change of 10,000 members costs.
func BenchmarkMembers(b *testing.B) {
	for _, name := range []string{"hash", "weighted+shard"} {
		b.Run(name, func(b *testing.B) {
			s := newScene(b, benchSpecs()[name], alike(10000, 1)...)
			for i := 0; b.Loop(); i++ {
				s.members[i%10000].ID = time.Duration(i).String()
				s.policy.Members(s.members)
			}
		})
	}
}

func sortedKeys(specs map[string]Spec) []string { return slices.Sorted(maps.Keys(specs)) }
