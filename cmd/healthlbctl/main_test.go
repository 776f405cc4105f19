package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.org/healthlb/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is now in all tests that do not wait.
var noon = time.Date(2026, 11, 21, 12, 0, 5, 0, time.UTC)

const pool = "www.lb.example.org."

// fake is an admin endpoint that says what it was told to say, and notes what it was asked.
type fake struct {
	*httptest.Server

	mu      sync.Mutex
	answers map[string]func(*http.Request, []byte) (int, any)
	calls   []string // METHOD URL BODY
}

func newFake(t *testing.T) *fake {
	f := &fake{answers: map[string]func(*http.Request, []byte) (int, any){}}
	f.on("GET /blocklist", 200, []api.Block{})
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	if r.Method != http.MethodGet {
		f.calls = append(f.calls, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, strings.TrimPrefix(r.URL.String(), "/v1"), body)))
	}
	answer := f.answers[r.Method+" "+strings.TrimPrefix(r.URL.Path, "/v1")]
	f.mu.Unlock()
	status, value := http.StatusNotFound, any(problem(http.StatusNotFound, "there is no such thing here"))
	if answer != nil {
		status, value = answer(r, body)
	}
	form := "application/json"
	if status >= 400 {
		form = "application/problem+json"
	}
	text, isText := value.(string)
	if isText {
		form = "text/plain; charset=utf-8"
		if strings.HasPrefix(text, "id:") {
			form = "text/event-stream"
		}
	}
	w.Header().Set("Content-Type", form)
	w.WriteHeader(status)
	if isText {
		_, _ = io.WriteString(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(value)
}

// on sets the answer to a call: METHOD PATH, the path without /v1.
func (f *fake) on(call string, status int, value any) {
	f.do(call, func(*http.Request, []byte) (int, any) { return status, value })
}

func (f *fake) do(call string, answer func(r *http.Request, body []byte) (int, any)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[call] = answer
}

// changes are the calls that were no GET.
func (f *fake) changes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.calls...)
}

func problem(status int, detail string) api.Problem {
	return api.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// console is somebody at a terminal, or in front of pipes.
type console struct {
	*app
	out, err *safeBuffer
	env      map[string]string
	signals  chan os.Signal
}

// newConsole has a clock that stands still, and nothing of the real environment.
func newConsole(t *testing.T, f *fake) *console {
	c := &console{
		out: &safeBuffer{}, err: &safeBuffer{}, signals: make(chan os.Signal, 2),
		env: map[string]string{"HOME": t.TempDir(), "HEALTHLB_OWNER": "alice@desk"},
	}
	if f != nil {
		c.env["HEALTHLB_SERVER"] = f.URL
	}
	c.app = &app{
		in: strings.NewReader(""), out: c.out, err: c.err, signals: c.signals, getenv: func(name string) string { return c.env[name] },
		now: func() time.Time { return noon }, zone: time.UTC, systemConfig: filepath.Join(c.env["HOME"], "system.yaml"),
	}
	return c
}

// outcome is what somebody sees of a command.
type outcome struct {
	code     int
	out, err string
}

func (c *console) do(args ...string) outcome {
	code := c.run(args)
	return outcome{code, c.out.String(), c.err.String()}
}

// ctl runs a command line.
func ctl(t *testing.T, f *fake, args ...string) outcome {
	t.Helper()
	return newConsole(t, f).do(args...)
}

func (o outcome) check(t *testing.T, code int, out, err string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	if want := strings.TrimPrefix(out, "\n"); o.out != want {
		t.Errorf("standard output:\n%s\nwant:\n%s", o.out, want)
	}
	if want := strings.TrimPrefix(err, "\n"); o.err != want {
		t.Errorf("standard error:\n%s\nwant:\n%s", o.err, want)
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(data)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func within(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func ptr[T any](v T) *T { return &v }

// threeMembers is a pool with one member in order, one that is drained, and one that is down.
func threeMembers() api.Pool {
	address := func(addr, state string, since time.Duration) api.Address {
		return api.Address{
			Address: addr, Family: "A", State: state, Since: noon.Add(-since), Eligible: state == "up", Fade: 1, SafeAfter: noon.Add(-time.Hour),
			Checks: []api.Check{{Check: "tcp 443", State: state, NextProbe: ptr(noon.Add(1200 * time.Millisecond))}},
		}
	}
	first := address("192.0.2.10", "up", 192*time.Second)
	first.ShareServed, first.ShareConfigured, first.SafeAfter = 0.52, 1, noon.Add(30*time.Second)
	second := address("192.0.2.11", "up", 26*time.Hour)
	second.ShareServed = 0.48
	third := address("192.0.2.12", "down", 5*time.Second)
	third.Reason, third.Checks[0].NextProbe = "connection refused\x1b[31m", nil
	return api.Pool{
		Name: pool, Zone: "lb.example.org.", Source: "corefile", Status: "degraded", Reason: "web-3 is down", Policy: "round_robin",
		Answers: 8, TTL: 30, LowTTL: 5, Families: []api.Family{{Family: "A", Members: 3, Eligible: 1, MinUp: 1}},
		Members: []api.Member{
			{ID: "web-1", Source: "corefile", Region: "eu", Weight: 1, Addresses: []api.Address{first}},
			{ID: "web-2", Source: "api", Region: "us", Weight: 1, Addresses: []api.Address{second},
				Drain: &api.Drain{Since: noon, Owner: "bob", Out: true, OutAt: noon, SafeAfter: noon.Add(29500 * time.Millisecond)}},
			{ID: "web-3", Source: "registration", Weight: 1, Addresses: []api.Address{third}},
		},
	}
}
