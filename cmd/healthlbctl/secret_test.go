package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if secret, err := readSecret(file); secret != "" || err != nil {
		t.Errorf("of no file: %q, %v", secret, err)
	}
	for _, secret := range []string{"FIRST", "SECOND"} {
		if err := writeSecret(file, secret); err != nil {
			t.Fatal(err)
		}
		if got, err := readSecret(file); got != secret || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if all, err := os.ReadDir(filepath.Dir(file)); err != nil || len(all) != 1 {
		t.Errorf("left behind: %v, %v", all, err)
	}
	for _, text := range []string{strings.Repeat("x", maxSecret+1), "two words", "a\x00b"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readSecret(file); codeOf(err) != exitUsage {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := writeSecret(filepath.Join(t.TempDir(), "none", "secret"), "x"); err == nil {
		t.Error("written to a folder that is not there")
	}
}
