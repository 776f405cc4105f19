package test

import (
	"fmt"
	"testing"
	"time"
)

// How conditions are waited for: nothing here sleeps and hopes.
const (
	pollEvery = 20 * time.Millisecond
	pollFor   = 30 * time.Second
)

// eventually waits until ok returns nil, and fails with its last error.
func eventually(t *testing.T, ok func() error) {
	t.Helper()
	for deadline := time.Now().Add(pollFor); ; time.Sleep(pollEvery) {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after %v: %v", pollFor, err)
		}
	}
}

// want says nil, or what is wrong.
func want(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
