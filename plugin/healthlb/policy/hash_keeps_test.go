package policy

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// TestHashKeepsItsClients compares picks with what they have been from the start: an upgrade of one node after the other must not
// send clients elsewhere. The sums stand for the picks for 2,000 keys each.
func TestHashKeepsItsClients(t *testing.T) {
	const n = 300
	weights := make([]int, n)
	for i := range weights {
		weights[i] = i % 7
	}
	s := newScene(t, Spec{Name: "hash"}, weights...)
	balanced := newScene(t, Spec{Name: "hash", Factor: 1.25}, weights...)
	odd := slices.DeleteFunc(slices.Clone(s.cs), func(c Candidate) bool { return c.Member%2 == 0 })
	young := slices.Clone(s.cs)
	for i := range young {
		young[i].Fade = float64(1+i%4) / 4
	}
	for _, c := range []struct {
		name  string
		scene *scene
		cs    []Candidate
		k     int
		first []int32 // the picks for the key 1
		sum   uint64
	}{
		{"one of all", s, s.cs, 1, []int32{95}, 0xafb90bc5c17a9077},
		{"three of all", s, s.cs, 3, []int32{95, 195, 250}, 0x99564941f8037369},
		{"nearly all", s, s.cs, n - 1, []int32{95, 195, 250}, 0x95364db559b7e9e5},
		{"three of half", s, odd, 3, []int32{95, 195, 73}, 0xd77364c1ae3eb278},
		{"three of few", s, odd[:10], 3, []int32{17, 3, 11}, 0x9d455897de5235b7},
		{"standbys", s, []Candidate{s.cs[0], s.cs[7], s.cs[14]}, 2, []int32{0, 14}, 0x2b11f8e37b95e410},
		{"three fading", s, young, 3, []int32{95, 195, 250}, 0x05478344609a8e28},
		{"balance, one", balanced, balanced.cs, 1, []int32{95}, 0x0c1894c346ddd852},
		{"balance, three", balanced, balanced.cs, 3, []int32{95, 195, 250}, 0x7f6927971e818816},
	} {
		p := c.scene.policy.Picker(c.cs, c.k)
		first := named(p, c.cs, c.k, c.scene.query(mix(1)))
		var picks []byte
		for key := range uint64(2000) {
			for _, m := range named(p, c.cs, c.k, c.scene.query(mix(key))) {
				picks = binary.LittleEndian.AppendUint32(picks, uint32(m))
			}
		}
		first = first[:min(3, len(first))]
		if sum := xxhash.Sum64(picks); sum != c.sum || !slices.Equal(first, c.first) {
			t.Errorf("%s: picks from %v on with the sum %#x, want %v and %#x", c.name, first, sum, c.first, c.sum)
		}
	}
}
