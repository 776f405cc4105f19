package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

const secret = "secret-0123456789abcdef"

// post is what a receiver got.
type post struct {
	*http.Request
	text   []byte
	events []api.Event
}

// receiver gets posts, one at a time.
type receiver struct {
	*httptest.Server
	posts  chan post
	answer func(w http.ResponseWriter) // not nil: instead of 200
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := unstarted(t)
	r.Start()
	return r
}

func unstarted(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{posts: make(chan post, 1000)}
	r.Server = httptest.NewUnstartedServer(r)
	t.Cleanup(r.Close)
	return r
}

// answers makes a receiver give these answers in turn, and then 200.
func (r *receiver) answers(answers ...func(http.ResponseWriter)) {
	var turns atomic.Int64
	r.answer = func(w http.ResponseWriter) {
		if turn := int(turns.Add(1)) - 1; turn < len(answers) {
			answers[turn](w)
		}
	}
}

// status answers with a status, and headers given as names and values.
func status(code int, headers ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
	}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	text, err := io.ReadAll(req.Body)
	var b body
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.posts <- post{req, text, b.Events}
	if r.answer != nil {
		r.answer(w)
	}
}

// next waits for the next post.
func (r *receiver) next(t testing.TB) post {
	t.Helper()
	select {
	case p := <-r.posts:
		return p
	case <-time.After(patience):
		t.Fatal("no post came")
		return post{}
	}
}

// journal is what a hook has said to those around it.
type journal struct {
	mu       sync.Mutex // guards what follows
	warnings []string
	outcomes map[Outcome]int // events
	waits    []time.Duration
}

func (j *journal) warn(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.warnings = append(j.warnings, fmt.Sprintf(format, args...))
}

func (j *journal) observe(o Outcome, events int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.outcomes == nil {
		j.outcomes = map[Outcome]int{}
	}
	j.outcomes[o] += events
}

// wait is over at once.
func (j *journal) wait(d time.Duration) (<-chan time.Time, func() bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waits = append(j.waits, d)
	over := make(chan time.Time, 1)
	over <- time.Time{}
	return over, func() bool { return false }
}

// read gives a function all that the journal has.
func (j *journal) read(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
}

// waitFor waits until so many events have come to that.
func (j *journal) waitFor(t testing.TB, o Outcome, events int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		got := 0
		if j.read(func() { got = j.outcomes[o] }); got >= events {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events %s within %s, want %d", got, o, patience, events)
		}
	}
}

// never is a wait that is never over.
func never(time.Duration) (<-chan time.Time, func() bool) { return nil, func() bool { return false } }

// mustLoad loads a hook that waits for nothing between posts.
func mustLoad(t testing.TB, s Settings) (*Hook, *journal) {
	t.Helper()
	j := new(journal)
	s.Warn, s.Observe = j.warn, j.observe
	h, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	h.after = j.wait
	h.jitter = func() float64 { return 0 }
	return h, j
}

// run runs a hook; stop ends it, and returns what it returned.
func run(t testing.TB, h *Hook, log *event.Log, after uint64) (stop func() uint64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var last uint64
	go func() {
		defer close(done)
		last = h.Run(ctx, log, after)
	}()
	stop = sync.OnceValue(func() uint64 {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("the hook does not end")
		}
		return last
	})
	t.Cleanup(func() { stop() })
	return stop
}

const first = 1_700_000_000_000_000

// newLog returns a history with the events from 0 on; tell adds some.
func newLog(size, events int) *event.Log {
	l := event.NewLog(size, time.UnixMicro(first))
	tell(l, events)
	return l
}

func tell(l *event.Log, events int) {
	for range events {
		l.Tell(api.Event{Type: "transition", Pool: "www.lb.example.", Text: "<" + strconv.FormatUint(l.Newest()+1-first, 10) + ">"})
	}
}

// wantEvents compares events with those from one number up to, but without, another; 0 is that of the first event.
func wantEvents(t testing.TB, events []api.Event, from, to int) {
	t.Helper()
	if len(events) != to-from {
		t.Fatalf("got %d events, want %d", len(events), to-from)
	}
	for i, e := range events {
		if n := from + i; e.ID != uint64(first+n) || e.Text != fmt.Sprintf("<%d>", n) {
			t.Fatalf("got %+v as event %d", e, n)
		}
	}
}

// writeFile puts a file of the test in place, whole, and returns its path.
func writeFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}
