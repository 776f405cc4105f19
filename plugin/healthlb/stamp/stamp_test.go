package stamp

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestChanges(t *testing.T) {
	for _, tc := range []struct {
		change string
		make   func(dir string) error
		seen   bool
		whole  bool // and was put there whole
	}{
		{"nothing", func(string) error { return nil }, false, true},
		{"another size", func(dir string) error { return os.WriteFile(dir+"/a", []byte("longer"), 0o600) }, true, false},
		{"another time", func(dir string) error { return os.Chtimes(dir+"/a", time.Time{}, time.Unix(1, 0)) }, true, false},
		{"renamed into place", func(dir string) error { return os.Rename(dir+"/twin", dir+"/a") }, true, true},
		{"a symlink swapped", func(dir string) error {
			if err := os.Symlink(dir+"/a", dir+"/new"); err != nil {
				return err
			}
			return os.Rename(dir+"/new", dir+"/link")
		}, true, true},
		{"gone", func(dir string) error { return os.Remove(dir + "/a") }, true, false},
	} {
		t.Run(tc.change, func(t *testing.T) {
			dir, written := t.TempDir(), time.Now()
			for _, name := range []string{"a", "twin", "target"} {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(path, time.Time{}, written); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(dir+"/target", dir+"/link"); err != nil {
				t.Fatal(err)
			}
			paths := []string{dir + "/a", dir + "/link"}
			before := Of(paths)
			if err := tc.make(dir); err != nil {
				t.Fatal(err)
			}
			after := Of(paths)
			if seen := !after.Equal(before); seen != tc.seen {
				t.Errorf("a change is seen: %v, want %v", seen, tc.seen)
			}
			if whole := after.Replaced(before); whole != tc.whole {
				t.Errorf("put there whole: %v, want %v", whole, tc.whole)
			}
		})
	}
}
