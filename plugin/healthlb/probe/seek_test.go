package probe

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"
)

// pieces is a reader that hands out data in pieces of the given sizes, over and over.
type pieces struct {
	data  []byte
	sizes []int
	turn  int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.sizes[p.turn%len(p.sizes)])], p.data)
	p.turn++
	p.data = p.data[n:]
	return n, nil
}

// However the bytes arrive, seek finds what bytes.Contains would find in the first limit of them.
func TestSeekFindsWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		few := rapid.SampledFrom([]byte("ab")) // few letters, so that there are many near misses
		data := rapid.SliceOfN(few, 0, 200).Draw(t, "data")
		want := rapid.SliceOfN(few, 1, 8).Draw(t, "want")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 5).Draw(t, "sizes")
		limit := rapid.IntRange(1, 250).Draw(t, "limit")

		read, err := seek(&pieces{data: data, sizes: sizes}, want, limit)
		if read > limit {
			t.Fatalf("read %d bytes, the limit is %d", read, limit)
		}
		looked := data[:min(limit, len(data))]
		switch {
		case bytes.Contains(looked, want):
			if err != nil {
				t.Fatalf("%q is in %q, but: %v", want, looked, err)
			}
		case len(data) >= limit:
			if !errors.Is(err, errNotFound) {
				t.Fatalf("%q is not in the first %d bytes of %q: got %v", want, limit, data, err)
			}
		default:
			if !errors.Is(err, io.EOF) || read != len(data) {
				t.Fatalf("%q is not in %q: got %v after %d bytes", want, data, err, read)
			}
		}
	})
}
