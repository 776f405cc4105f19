package state

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a store's file with branches, leaves, values of several pages, free pages and a deleted record in each page.
type sample struct {
	bytes    []byte
	records  map[string]string
	revision uint64
}

func makeSample(t *testing.T) sample {
	t.Helper()
	dir := t.TempDir()
	b := open(t, dir)
	err := b.Update(func(w Writer) error {
		for i := range 300 {
			if err := w.Put("a", padded(i), []byte(strings.Repeat("v", i%150))); err != nil {
				return err
			}
		}
		return w.Put("b", "large", bytes.Repeat([]byte("large"), 3000))
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := b.Update(func(w Writer) error { return w.Delete("a", padded(i*30)) }); err != nil {
			t.Fatal(err)
		}
	}
	var s sample
	s.records, s.revision = contents(t, b, "a", "b")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if s.bytes, err = os.ReadFile(filepath.Join(dir, FileName)); err != nil {
		t.Fatal(err)
	}
	return s
}

// check opens a damaged copy. Either it is refused, or the damage is in no place that is used; nothing is written in both cases.
func (s sample) check(t *testing.T, dir, what string, damaged []byte) (accepted bool) {
	t.Helper()
	path := filepath.Join(dir, FileName)
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBolt(dir, 0)
	if err == nil {
		records, revision := contents(t, b, "a", "b")
		if !maps.Equal(records, s.records) || revision != s.revision {
			t.Errorf("%s: accepted with other contents", what)
		}
		if err := b.Close(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	} else if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), path) {
		t.Errorf("%s: error %v", what, err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, damaged) {
		t.Errorf("%s: the file was written to (%v)", what, err)
	}
	return err == nil
}

func TestTruncatedFile(t *testing.T) {
	s, dir := makeSample(t), t.TempDir()
	refused := false
	for size := len(s.bytes) - 512; size > 0; size -= 512 {
		accepted := s.check(t, dir, fmt.Sprintf("cut to %d of %d bytes", size, len(s.bytes)), s.bytes[:size])
		if accepted && refused {
			t.Errorf("accepted with %d bytes, and refused with more", size)
		}
		refused = !accepted
	}
	for _, size := range []int{1, 15, 16, 79, 80, 511} {
		if s.check(t, dir, fmt.Sprintf("cut to %d bytes", size), s.bytes[:size]) {
			t.Errorf("accepted with %d bytes", size)
		}
	}
}

func TestFlippedBits(t *testing.T) {
	s, dir := makeSample(t), t.TempDir()
	flip := func(bit int) bool {
		damaged := bytes.Clone(s.bytes)
		damaged[bit/8] ^= 1 << (bit % 8)
		return s.check(t, dir, fmt.Sprintf("bit %d of byte %d (page %d, offset %#x)", bit%8, bit/8, bit/8/os.Getpagesize(), bit/8%os.Getpagesize()), damaged)
	}
	for _, m := range []int{0, os.Getpagesize()} {
		for bit := (m + pageHeader) * 8; bit < (m+pageHeader+metaSize)*8; bit++ {
			if flip(bit) {
				t.Errorf("bit %d of a meta page may be anything", bit)
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 1500 {
		flip(random.IntN(len(s.bytes) * 8))
	}
	for page := 2; page < len(s.bytes)/os.Getpagesize(); page++ { // headers and first elements, which say where the rest is
		for range 30 {
			flip((page*os.Getpagesize())*8 + random.IntN((pageHeader+4*element)*8))
		}
	}
}

func TestGarbage(t *testing.T) {
	s, dir := makeSample(t), t.TempDir()
	noise := make([]byte, len(s.bytes))
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise)
	size := os.Getpagesize()
	overwrite := func(page int, with []byte) []byte {
		damaged := bytes.Clone(s.bytes)
		copy(damaged[page*size:(page+1)*size], with)
		return damaged
	}
	for name, damaged := range map[string][]byte{
		"text":              []byte("192.0.2.1\n"),
		"zeros":             make([]byte, len(s.bytes)),
		"noise":             noise,
		"noise in meta 0":   overwrite(0, noise),
		"noise in meta 1":   overwrite(1, noise),
		"meta 0 in meta 1":  overwrite(1, s.bytes[:size]),
		"zeros in meta 0":   overwrite(0, make([]byte, size)),
		"noise behind meta": append(bytes.Clone(s.bytes[:2*size]), noise[2*size:]...),
	} {
		if s.check(t, dir, name, damaged) {
			t.Errorf("%s is accepted", name)
		}
	}
	for page := 2; page < len(s.bytes)/size; page++ {
		for from := range 6 { // a page in the place of another, as after a misdirected write
			s.check(t, dir, fmt.Sprintf("page %d in the place of %d", from, page), overwrite(page, s.bytes[from*size:]))
		}
		s.check(t, dir, fmt.Sprintf("noise in page %d", page), overwrite(page, noise))
		s.check(t, dir, fmt.Sprintf("zeros in page %d", page), overwrite(page, make([]byte, size)))
	}
}
