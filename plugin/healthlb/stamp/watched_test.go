package stamp

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFilesAreLookedAtOncePerInterval(t *testing.T) {
	file := writeFile(t, t.TempDir(), "f", "1")
	old := time.Now().Add(-100 * time.Hour)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	reads := 0
	read := func() (int, error) { reads++; return reads, nil }
	w, err := Watch("admin endpoint", []string{file}, time.Hour, t.Logf, read)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("22"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w.Get() != 1 || reads != 1 {
		t.Errorf("%d reads within the interval", reads)
	}
	w.looked = w.looked.Add(-2 * time.Hour)
	if w.Get() != 2 || reads != 2 {
		t.Errorf("%d reads after the interval", reads)
	}
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.looked = w.looked.Add(-2 * time.Hour)
		w.Get()
	}
	if reads != 3 {
		t.Errorf("%d reads, want one more for one change", reads)
	}
}

func TestChangeWithinOneStepOfTheClock(t *testing.T) {
	file := writeFile(t, t.TempDir(), "f", "1")
	w, err := Watch("admin endpoint", []string{file}, 0, t.Logf, func() (string, error) {
		data, err := os.ReadFile(file)
		return string(data), err
	})
	if err != nil {
		t.Fatal(err)
	}
	stamp := w.stamps[0].ModTime()
	if err := errors.Join(os.WriteFile(file, []byte("2"), 0o600), os.Chtimes(file, stamp, stamp)); err != nil {
		t.Fatal(err)
	}
	if got := w.Get(); got != "2" {
		t.Errorf("got %q", got)
	}
}

// writeFile writes a file of the test, and returns its path.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
