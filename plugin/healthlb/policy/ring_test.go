package policy

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRingFindsPlaces compares what a look-up finds with a binary search, on rings of any size and with points crowded together, at and
// next to points, and at the ends.
func TestRingFindsPlaces(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		points := rapid.SliceOfN(rapid.Uint64(), 1, 300).Draw(r, "points")
		crowd := rapid.Uint64().Draw(r, "crowd")
		for i := range rapid.IntRange(0, 100).Draw(r, "crowded") {
			points = append(points, crowd+uint64(i)<<ownerBits)
		}
		for i := range points {
			points[i] &^= ownerMask
		}
		slices.Sort(points)
		ring := &ring{points: append(make([]uint64, 0, len(points)+len(window{})), points...)}
		ring.divide(points, rapid.IntRange(-1, 9).Draw(r, "order"))
		places := []uint64{0, 1<<64 - 1, rapid.Uint64().Draw(r, "place")}
		for _, p := range points {
			places = append(places, p, p+1<<ownerBits, p-1<<ownerBits)
		}
		for _, place := range places {
			want, _ := slices.BinarySearch(points, place&^ownerMask)
			if got := ring.after(place); got != want%len(points) {
				r.Fatalf("the point after %#x is %d, want %d", place, got, want%len(points))
			}
		}
	})
}
