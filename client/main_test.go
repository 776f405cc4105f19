package client

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// quick is a pace that makes tests short. What a test waits for happens at any pace.
var quick = pace{
	retry: 2 * time.Millisecond, retryMax: 20 * time.Millisecond, farewell: patience, silence: patience,
	lease: patience, renew: 10 * time.Millisecond, call: patience,
	poll: 2 * time.Millisecond, beat: 10 * time.Millisecond, gone: patience,
	random: func() float64 { return 0.5 },
}

// clientOf makes a client at the quick pace.
func clientOf(t *testing.T, s Settings) *Client {
	t.Helper()
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.pace = quick
	return c
}

// serve runs a handler, and returns where.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// soon waits for what must happen.
func soon(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// await waits for a channel to be closed or to have something.
func await[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("not within %v: %s", patience, what)
		panic("unreachable")
	}
}

// during returns a context that ends with the test, when it is not ended before.
func during(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	return ctx, cancel
}
