package probe

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// item is something in a heap.
type item struct {
	due   time.Duration
	index int
}

func (i *item) place(index int) { i.index = index }

// Whatever is put in, taken out and moved: what comes out is what falls due first, everybody knows its place, and those that fall due before
// a time are found.
func TestDueHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var heap dueHeap[*item]
		var want []*item
		due := rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.IntRange(0, 50).Draw(t, "due")) })
		one := func(t *rapid.T) *item { return want[rapid.IntRange(0, len(want)-1).Draw(t, "which")] }
		remove := func(i *item) { want = slices.DeleteFunc(want, func(other *item) bool { return other == i }) }
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				i := &item{due: due.Draw(t, "due")}
				heap.push(i.due, i)
				want = append(want, i)
			},
			"remove": func(t *rapid.T) {
				if len(want) == 0 {
					t.Skip()
				}
				i := one(t)
				heap.remove(i.index)
				if i.index != -1 {
					t.Fatalf("it is said to be at %d", i.index)
				}
				remove(i)
			},
			"move": func(t *rapid.T) {
				if len(want) == 0 {
					t.Skip()
				}
				i := one(t)
				i.due = due.Draw(t, "due")
				heap.move(i.index, i.due)
			},
			"pop": func(t *rapid.T) {
				if len(want) == 0 {
					t.Skip()
				}
				first := slices.MinFunc(want, func(a, b *item) int { return cmp.Compare(a.due, b.due) })
				i := heap.pop()
				if i.due != first.due || i.index != -1 {
					t.Fatalf("got one due at %v that is said to be at %d, want one due at %v", i.due, i.index, first.due)
				}
				remove(i)
			},
			"": func(t *rapid.T) {
				if len(heap) != len(want) {
					t.Fatalf("%d are in, want %d", len(heap), len(want))
				}
				for _, i := range want {
					if heap[i.index].item != i || heap[i.index].due != i.due {
						t.Fatal("one is not where it is said to be")
					}
				}
				before, found := due.Draw(t, "before"), make(map[*item]bool)
				heap.before(before, func(i *item) { found[i] = true })
				for _, i := range want {
					if found[i] != (i.due < before) {
						t.Fatalf("due at %v, found before %v: %v", i.due, before, found[i])
					}
				}
			},
		})
		if len(want) == 0 && heap.due() != never {
			t.Fatal("an empty heap has something due")
		}
	})
}
