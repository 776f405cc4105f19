package stamp

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if data, err := Read(writeFile(t, dir, "f", "12345678"), 8); string(data) != "12345678" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		writeFile(t, dir, "g", "123456789"): "want at most 8 bytes",
		pipe:                                "is no regular file",
		"/dev/zero":                         "is no regular file",
		dir:                                 "is no regular file",
		filepath.Join(dir, "none"):          "no such file",
	} {
		if _, err := Read(name, 8); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func TestTimeThatWasSetBack(t *testing.T) {
	file := writeFile(t, t.TempDir(), "f", "1")
	before := Of([]string{file})
	at := before[0].ModTime()
	if err := os.WriteFile(file, []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
	if Of([]string{file}).Equal(before) {
		t.Skip("the file system's clock counts in steps too large for this, or has no time of change")
	}
}
