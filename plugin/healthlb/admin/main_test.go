package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// Tokens of the tests, by role.
const (
	readToken     = "read-0123456789abcdef"
	registerToken = "register-0123456789abcdef"
	operateToken  = "operate-0123456789abcdef"
)

// fake is a backend with one list and two pools, which takes every change and does nothing of it.
type fake struct {
	name    string   // of the only pool besides *.lb.example.
	pools   []string // not nil: the names of all pools, for Pools only
	entries []block.Entry
	fail    error
	effect  api.Effect
	panics  bool
	entered chan struct{} // not nil: Pools tells that it has been entered
	proceed chan struct{} // not nil: and waits for this

	explanation api.Explanation // what Explain returns, besides fail

	mu      sync.Mutex // guards what follows
	changes []BlockChange
	reports []api.LoadReport
	asked   []ExplainQuery
	made    []made
	by      string // of the last of made, and of the last report
	events  *event.Log
}

const fakeETag = `"v1"`

func (f *fake) Pool(name string) (api.Pool, bool) {
	return api.Pool{Name: name}, name == "*.lb.example." || name == f.name
}

func (f *fake) Blocklist() ([]block.Entry, string) { return f.entries, fakeETag }

func (f *fake) ChangeBlocklist(c BlockChange) (api.Effect, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, c)
	if c.IfMatch != nil && !slices.Contains(c.IfMatch, "*") && !slices.Contains(c.IfMatch, fakeETag) {
		return api.Effect{}, ErrPrecondition
	}
	effect := f.effect
	effect.DryRun = c.DryRun
	return effect, f.fail
}

// fakeUntil is when every report ends.
var fakeUntil = time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)

func (f *fake) ReportLoad(pool, id string, load float64, by string) (api.LoadReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	report := api.LoadReport{Pool: pool, Member: id, Load: load, Until: fakeUntil}
	f.reports, f.by = append(f.reports, report), by
	return report, f.fail
}

func (f *fake) Explain(q ExplainQuery) (api.Explanation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, q)
	return f.explanation, f.fail
}

// last is the change that the backend saw last; the zero one when none.
func (f *fake) last() BlockChange {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.changes) == 0 {
		return BlockChange{}
	}
	return f.changes[len(f.changes)-1]
}

// warnings collects what the endpoint warns of.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) add(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, fmt.Sprintf(format, args...))
}

// take returns the warnings since the last call.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.all
	w.all = nil
	return all
}

// mustLoad loads settings of which every file is looked at before each use.
func mustLoad(t *testing.T, settings Settings) *Endpoint {
	t.Helper()
	if settings.Network == "" {
		settings.Network, settings.Address = "tcp", "127.0.0.1:0"
	}
	e, err := load(settings, 0)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// serve serves until the end of the test.
func serve(t *testing.T, settings Settings, backend Backend) *Server {
	t.Helper()
	s, err := Listen(mustLoad(t, settings), backend)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s) })
	return s
}

func closeServer(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// client is a client of one server, with connections of its own.
type client struct {
	*http.Client
	base string
}

func clientOf(t *testing.T, s *Server) client {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, s.Addr().Network(), s.Addr().String())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	base := "http://" + s.Addr().String()
	if s.Addr().Network() == "unix" {
		base = "http://healthlb"
	}
	return client{&http.Client{Transport: transport, Timeout: patience}, base}
}

// reply is an answer that has been read.
type reply struct {
	*http.Response
	body string
}

// do sends a request with headers given as "Name: value".
func (c client) do(t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := c.try(method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (c client) try(method, path, body string, headers ...string) (reply, error) {
	req, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Add(name, value)
	}
	res, err := c.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return reply{res, string(data)}, err
}

// problem is the problem document of a reply that must be one of that status.
func (r reply) problem(t *testing.T, status int) Problem {
	t.Helper()
	var p Problem
	if r.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", r.StatusCode, status, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("no problem document: %v: %q", err, r.body)
	}
	if r.Header.Get("Content-Type") != "application/problem+json" || p.Status != status || p.Type != "about:blank" ||
		p.Title != http.StatusText(status) || p.Detail == "" {
		t.Errorf("incomplete problem document: %+v as %s", p, r.Header.Get("Content-Type"))
	}
	return p
}

// want compares a reply's status, and demands a problem document of errors.
func (r reply) want(t *testing.T, status int) {
	t.Helper()
	if status >= 400 && r.Request.Method != http.MethodHead {
		r.problem(t, status)
	} else if r.StatusCode != status {
		t.Errorf("status %d, want %d: %s", r.StatusCode, status, r.body)
	}
}

// writeFile writes a file of the test, and returns its path.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const tokenFile = readToken + " read\n" + registerToken + " register # later\n" + operateToken + "\n"

func TestHeadersOfEveryAnswer(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	for _, path := range []string{"/v1/pools", "/nothing"} {
		r := c.do(t, "GET", path, "")
		if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, r.Header)
		}
	}
}
