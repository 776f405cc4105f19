package healthlb

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"example.org/healthlb/plugin/healthlb/pool"
)

func TestPoolSetAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, model := newPoolSet(nil), map[string]*livePool{}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			before := slices.Clone(s.sorted)
			was := s
			p := &livePool{Pool: &pool.Pool{Spec: &pool.Spec{Name: fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "name"))}}}
			if rapid.Bool().Draw(t, "with") {
				s, model[p.Name] = s.with(p), p
			} else {
				s = s.without(p.Name)
				delete(model, p.Name)
			}
			if !slices.Equal(was.sorted, before) {
				t.Fatal("the set of before has changed")
			}
			if !maps.Equal(s.byName, model) || len(s.sorted) != len(model) || !slices.IsSortedFunc(s.sorted, func(a, b *livePool) int {
				return slices.Compare([]byte(a.Name), []byte(b.Name))
			}) {
				t.Fatalf("%v, want %v", s, model)
			}
			if rest := s.after("4"); len(rest) > 0 && rest[0].Name <= "4" {
				t.Fatalf("behind 4 comes %s", rest[0].Name)
			}
		}
	})
}
