package policy

import "testing"

// TestDrawBeside compares draws beside some, by trying and without, with the shares of the others: where nearly all the weight is with
// those left out, most tries are in vain.
func TestDrawBeside(t *testing.T) {
	arcs := []uint64{5, 1000, 20, 3, 1, 10}
	w := newWheel(arcs)
	s := newScene(t, Spec{Name: "least"}, 1)
	for seed := range uint64(40) {
		s.seed(seed)
		l := s.query(0).lots()
		draw := w.beside
		if seed%2 == 0 {
			draw = w.left
		}
		counts := make([]int, len(arcs))
		for range 10000 {
			counts[draw([]int32{1, 0}, 2, &l)]++
		}
		expected := []float64{1e-9, 1e-9, 1e-9, 10000 * 3. / 14, 10000 * 1. / 14, 10000 * 10. / 14}
		if x := chiSquare(counts, expected); x > chiSquareLimit(2) {
			t.Errorf("seed %d: chi-square %.1f for %v, want %v", seed, x, counts, expected)
		}
	}
}
