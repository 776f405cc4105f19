package admin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTokenFileIsFollowed(t *testing.T) {
	var w warnings
	dir := t.TempDir()
	first, second := "first-0123456789abcdef", "second-0123456789abcdef"
	file := writeFile(t, dir, "tokens", first)
	c := clientOf(t, serve(t, Settings{TokenFile: file, Warn: w.add}, new(fake)))
	check := func(name string, firstWant, secondWant, warned int) {
		t.Helper()
		c.do(t, "GET", "/v1/pools", "", "Authorization: Bearer "+first).want(t, firstWant)
		c.do(t, "GET", "/v1/pools", "", "Authorization: Bearer "+second).want(t, secondWant)
		all := w.take()
		if len(all) != warned {
			t.Errorf("%s: %d warnings, want %d: %q", name, len(all), warned, all)
		}
		for _, warning := range all {
			if !strings.Contains(warning, file) || strings.Contains(warning, "0123456789") {
				t.Errorf("%s: warning %q", name, warning)
			}
		}
	}
	check("at start", 200, 401, 0)

	writeFile(t, dir, "tokens", second)
	check("written over", 401, 200, 0)

	if err := os.Rename(writeFile(t, dir, "new", first), file); err != nil {
		t.Fatal(err)
	}
	check("renamed over", 200, 401, 0)

	writeFile(t, dir, "tokens", "short")
	check("bad: the old ones stay", 200, 401, 1)
	check("still bad: one warning is enough", 200, 401, 0)
	writeFile(t, dir, "tokens", "bad in another way")
	check("bad in another way", 200, 401, 1)

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	check("gone: the old ones stay", 200, 401, 1)

	// what Kubernetes does with a mounted secret: a link to a link that is swapped
	for name, token := range map[string]string{"v1": first, "v2": second} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), "tokens", token)
	}
	link := func(target, name string) {
		t.Helper()
		temporary := filepath.Join(dir, "temporary")
		if err := errors.Join(os.Symlink(target, temporary), os.Rename(temporary, filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
	}
	link("v2", "data")
	link("data/tokens", "tokens")
	check("back, as a link", 401, 200, 0)
	link("v1", "data")
	check("link swapped", 200, 401, 0)
}
