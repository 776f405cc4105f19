package state

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("needs to mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	b := open(t, dir)
	if err := put(b, "a", "before", "1"); err != nil {
		t.Fatal(err)
	}
	if err := put(b, "a", "big", strings.Repeat("x", 1<<20)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v, want ENOSPC", err)
	}
	if err := put(b, "a", "after", "1"); err != nil {
		t.Error(err)
	}
	want(t, b, "a/before=1 a/after=1", "a")
}
