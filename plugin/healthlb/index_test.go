package healthlb

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.org/healthlb/plugin/healthlb/answer"
)

// TestIndex holds an index against a map.
func TestIndex(t *testing.T) {
	label := rapid.StringMatching(`[ab\*]{1,3}`)
	name := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(append(rapid.SliceOfN(label, 0, 4).Draw(t, "labels"), ""), ".")
	})
	rapid.Check(t, func(t *rapid.T) {
		nodes := make(map[string]*node)
		for _, name := range rapid.SliceOfN(name, 0, 300).Draw(t, "names") {
			if name == "" {
				name = "."
			}
			nodes[name] = new(node)
			if rapid.Bool().Draw(t, "is packed") {
				nodes[name].packed = answer.PackName(name)
			}
		}
		x := newIndex(nodes)
		asked := rapid.SliceOfN(name, 1, 50).Draw(t, "asked")
		for name := range nodes {
			asked = append(asked, name)
		}
		hashes := make([]uint64, len(asked))
		for i, name := range asked {
			if name == "" {
				name, asked[i] = ".", "."
			}
			hashes[i] = hashName(answer.PackName(name))
		}
		x.fetch(hashes)
		for i, name := range asked {
			if got, want := x.find(answer.PackName(name), hashes[i]), nodes[name]; got != want {
				t.Fatalf("%s: found %p, want %p", name, got, want)
			}
		}
	})
}

// TestIndexCollisions: names of one hash, and names that only begin alike, are told apart.
func TestIndexCollisions(t *testing.T) {
	nodes := map[string]*node{"a.example.org.": new(node), "b.example.org.": new(node), "example.org.": new(node)}
	x := newIndex(nodes)
	const hash = 7
	x.slots, x.names = make([]slot, 8), nil
	for at, name := range []string{"a.example.org.", "b.example.org.", "example.org."} {
		x.slots[(hash+at)%8] = slot{0, uint32(len(x.names)), nodes[name]}
		x.names = append(x.names, answer.PackName(name)...)
	}
	for name, want := range nodes {
		if got := x.find(answer.PackName(name), hash); got != want {
			t.Errorf("%s: found %p, want %p", name, got, want)
		}
	}
	if got := x.find(answer.PackName("c.example.org."), hash); got != nil {
		t.Errorf("found what is not there: %p", got)
	}
}
