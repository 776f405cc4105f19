package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxSecret is the longest secret read, in bytes. The responder's have 26.
const maxSecret = 256

// readSecret reads the secret of an earlier registration; empty when there is none.
func readSecret(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", usage("--secret-file: %w", err)
	case !info.Mode().IsRegular() || info.Size() > maxSecret:
		return "", usage("--secret-file: %s is no file with a secret", file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", usage("--secret-file: %w", err)
	}
	secret := strings.TrimSpace(string(data))
	if strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", usage("--secret-file: %s is no file with a secret", file)
	}
	return secret, nil
}

// writeSecret keeps a secret, for nobody else to read. What is there is replaced whole.
func writeSecret(file, secret string) error {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".") // its mode is 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(secret + "\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
