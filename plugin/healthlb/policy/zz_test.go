package policy

import "testing"

func BenchmarkZAfter(b *testing.B) {
	for _, n := range []int{4, 100, 10000} {
		b.Run(itoa(n), func(b *testing.B) {
			s := newScene(b, Spec{Name: "hash"}, alike(n, 1)...)
			r := s.policy.(*hash).main.ring
			key, sum := uint64(1), 0
			for b.Loop() {
				key = key*6364136223846793005 + 1442695040888963407
				sum += r.after(key)
			}
		})
		b.Run("few"+itoa(n), func(b *testing.B) {
			s := newScene(b, Spec{Name: "hash"}, alike(n, 1)...)
			r := s.policy.(*hash).main.ring
			key, sum := uint64(1), 0
			i := 0
			for b.Loop() {
				i++
				key = mix(uint64(i & 4095))
				sum += r.after(key)
			}
		})
	}
}
func itoa(n int) string { return map[int]string{4: "4", 100: "100", 10000: "10000"}[n] }
