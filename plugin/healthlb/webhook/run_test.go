package webhook

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.org/healthlb/api"
)

func TestEventsComeInOrder(t *testing.T) {
	r := newReceiver(t)
	h, j := mustLoad(t, Settings{URL: r.URL + "/path?query"})
	log := newLog(1000, 250)
	stop := run(t, h, log, 0)
	wantEvents(t, r.next(t).events, 0, 100)
	wantEvents(t, r.next(t).events, 100, 200)
	p := r.next(t)
	wantEvents(t, p.events, 200, 250)
	tell(log, 1)
	wantEvents(t, r.next(t).events, 250, 251)
	if p.Method != "POST" || p.URL.String() != "/path?query" || p.Header.Get("Content-Type") != "application/json" ||
		p.Header.Get("User-Agent") != "healthlb" || p.Header[SignatureHeader] != nil || !strings.HasPrefix(string(p.text), `{"events":[{"id":`) {
		t.Errorf("got %s %s with %v: %.100s", p.Method, p.URL, p.Header, p.text)
	}
	j.waitFor(t, Delivered, 251)

	last := stop()
	if last != first+250 || len(j.outcomes) != 1 || len(j.warnings) > 0 || len(j.waits) > 0 {
		t.Fatalf("ended at %d with %+v", last, j)
	}
	tell(log, 2)
	run(t, h, log, last)
	wantEvents(t, r.next(t).events, 251, 253)
}

func TestWhereToBegin(t *testing.T) {
	for _, tc := range []struct {
		name     string
		after    uint64
		from, to int
		gap      bool
	}{
		{"all that are kept", 0, 2, 6, false},
		{"behind one", first + 3, 4, 6, false},
		{"behind one that is lost", first, 2, 6, true},
		{"behind one of an earlier process", 1, 2, 6, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newReceiver(t)
			h, j := mustLoad(t, Settings{URL: r.URL})
			stop := run(t, h, newLog(4, 6), tc.after)
			events := r.next(t).events
			if events[0].Type == "gap" != tc.gap {
				t.Errorf("got %+v", events[0])
			}
			wantEvents(t, events[len(events)-4+tc.from-2:], tc.from, tc.to)
			j.waitFor(t, Delivered, len(events))
			if last := stop(); last != first+5 {
				t.Errorf("ended at %d", last-first)
			}
		})
	}
}

// Whoever begins with the next event, and is replaced before he has delivered any, is followed by one that begins at the same place.
func TestEndBeforeAnythingIsDelivered(t *testing.T) {
	for after, want := range map[uint64]uint64{0: first - 1, 1 << 60: first + 1, first: first} {
		h, _ := mustLoad(t, Settings{URL: "http://127.0.0.1:1/"})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if last := h.Run(ctx, newLog(4, 2), after); last != want {
			t.Errorf("after %d: ended at %d, want %d", after, last, want)
		}
	}
}

func TestStatuses(t *testing.T) {
	elsewhere := newReceiver(t)
	for code, want := range map[int]Outcome{
		200: Delivered, 201: Delivered, 202: Delivered, 204: Delivered, 299: Delivered,
		300: Dropped, 301: Dropped, 302: Dropped, 303: Dropped, 304: Dropped, 307: Dropped, 308: Dropped,
		400: Dropped, 401: Dropped, 403: Dropped, 404: Dropped, 410: Dropped, 413: Dropped, 422: Dropped,
		408: Failed, 425: Failed, 429: Failed, 500: Failed, 502: Failed, 503: Failed, 504: Failed, 599: Failed,
	} {
		for _, location := range []string{elsewhere.URL, "http://a b/%zz"} {
			t.Run(fmt.Sprint(code), func(t *testing.T) {
				r := newReceiver(t)
				answers := []func(http.ResponseWriter){status(code, "Location", location)}
				if want == Failed {
					answers = append(answers, answers[0])
				}
				r.answers(answers...)
				h, j := mustLoad(t, Settings{URL: r.URL})
				log := newLog(8, 2)
				stop := run(t, h, log, 0)
				wantEvents(t, r.next(t).events, 0, 2)
				if want == Failed {
					wantEvents(t, r.next(t).events, 0, 2)
					wantEvents(t, r.next(t).events, 0, 2)
				}
				if want == Dropped {
					j.waitFor(t, Dropped, 2)
				} else {
					j.waitFor(t, Delivered, 2)
				}
				tell(log, 1)
				wantEvents(t, r.next(t).events, 2, 3)
				if last := stop(); last < first+1 {
					t.Errorf("ended at %d", last-first)
				}
				waits := 0
				if want == Failed {
					waits = 2
				}
				if len(j.waits) != waits {
					t.Errorf("got %+v", j)
				}
				if (len(j.warnings) > 0) != (want != Delivered) {
					t.Errorf("warnings %q", j.warnings)
				}
			})
		}
	}
	if len(elsewhere.posts) > 0 {
		t.Errorf("redirects were followed, %d times", len(elsewhere.posts))
	}
}

func TestWaits(t *testing.T) {
	const s = time.Second
	slow := func(after string) func(http.ResponseWriter) { return status(503, "Retry-After", after) }
	for _, tc := range []struct {
		name    string
		jitter  float64
		answers []func(http.ResponseWriter)
		want    []time.Duration
	}{
		{"at least", 0, slices.Repeat([]func(http.ResponseWriter){status(500)}, 8), slices.Repeat([]time.Duration{s}, 8)},
		{"at most", 1, slices.Repeat([]func(http.ResponseWriter){status(500)}, 8),
			[]time.Duration{2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s}},
		{"on the average", 0.5, slices.Repeat([]func(http.ResponseWriter){status(500)}, 3),
			[]time.Duration{s + s/2, 2*s + s/2, 4*s + s/2}},
		{"as the receiver says", 0, []func(http.ResponseWriter){slow("120"), slow("0"), slow("601"), slow("99999999999999999999"), slow("soon")},
			[]time.Duration{120 * s, s, 600 * s, 600 * s, s}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newReceiver(t)
			r.answers(tc.answers...)
			h, j := mustLoad(t, Settings{URL: r.URL})
			h.jitter = func() float64 { return tc.jitter }
			log := newLog(8, 1)
			stop := run(t, h, log, 0)
			for range len(tc.answers) + 1 {
				wantEvents(t, r.next(t).events, 0, 1)
			}
			stop()
			if !slices.Equal(j.waits, tc.want) {
				t.Errorf("got %v, want %v", j.waits, tc.want)
			}
		})
	}
	if d := new(Hook).backOffAt(1000); d != 60*s {
		t.Errorf("after 1000: %s", d)
	}
}

// backOffAt returns the longest wait after so many failures.
func (h *Hook) backOffAt(before int) time.Duration {
	h.jitter = func() float64 { return 1 }
	return h.backOff(before)
}

func TestBackOffStaysInItsRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &Hook{jitter: func() float64 { return rapid.Float64Range(0, 1).Draw(t, "jitter") }}
		if d := h.backOff(rapid.IntRange(0, 1<<40).Draw(t, "before")); d < time.Second || d > time.Minute {
			t.Fatalf("waits %s", d)
		}
	})
}

func TestReceiverThatIsAway(t *testing.T) {
	r := unstarted(t)
	addr := r.Listener.Addr().String()
	r.Listener.Close()
	h, j := mustLoad(t, Settings{URL: "http://" + addr + "/private/path"})
	stop := run(t, h, newLog(8, 2), 0)
	j.waitFor(t, Failed, 4)
	var err error
	if r.Listener, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	r.Start()
	wantEvents(t, r.next(t).events, 0, 2)
	stop()
	if len(j.warnings) != 1 || !strings.Contains(j.warnings[0], "http://"+addr+": ") || !strings.Contains(j.warnings[0], "refused") ||
		strings.Contains(j.warnings[0], "private") {
		t.Errorf("got %q", j.warnings)
	}
}

// Receivers that break off, in one way or the other, get the events again.
func TestReceiversThatBreakOff(t *testing.T) {
	hijack := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			conn.Write([]byte(text))
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	}
	r := newReceiver(t)
	r.answers(hijack(""), hijack("HTTP/1.1 2"), hijack("what?\r\n\r\n"), hijack("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 2*maxAnswer)))
	h, j := mustLoad(t, Settings{URL: r.URL})
	stop := run(t, h, newLog(8, 1), 0)
	for range 5 {
		wantEvents(t, r.next(t).events, 0, 1)
	}
	stop()
	if j.outcomes[Failed] != 4 {
		t.Errorf("got %+v", j)
	}
}

func TestReceiverThatHangs(t *testing.T) {
	over := make(chan struct{})
	defer close(over)
	r := newReceiver(t)
	r.answers(func(http.ResponseWriter) { <-over })
	h, j := mustLoad(t, Settings{URL: r.URL})
	h.timeout = 50 * time.Millisecond
	stop := run(t, h, newLog(8, 1), 0)
	wantEvents(t, r.next(t).events, 0, 1)
	j.waitFor(t, Failed, 1)
	stop()
	if !strings.Contains(j.warnings[0], "no answer within 50ms") {
		t.Errorf("got %q", j.warnings)
	}
}

// What is behind the status counts for nothing, and not much of it is read.
func TestEndlessAnswer(t *testing.T) {
	for _, code := range []int{200, 404} {
		r := newReceiver(t)
		cut := make(chan struct{})
		r.answers(func(w http.ResponseWriter) {
			defer close(cut)
			w.WriteHeader(code)
			for text := make([]byte, 4096); ; {
				if _, err := w.Write(text); err != nil {
					return
				}
			}
		})
		h, _ := mustLoad(t, Settings{URL: r.URL})
		log := newLog(8, 1)
		run(t, h, log, 0)
		r.next(t)
		select {
		case <-cut:
		case <-time.After(patience):
			t.Fatal("it is read without end")
		}
		tell(log, 1)
		wantEvents(t, r.next(t).events, 1, 2)
	}
}

func TestEndComesAtOnce(t *testing.T) {
	t.Run("while nothing happens", func(t *testing.T) {
		h, _ := mustLoad(t, Settings{URL: "http://127.0.0.1:1"})
		if last := run(t, h, newLog(8, 3), first+2)(); last != first+2 {
			t.Errorf("ended at %d", last-first)
		}
	})
	t.Run("between posts", func(t *testing.T) {
		r := newReceiver(t)
		r.answers(status(500))
		h, j := mustLoad(t, Settings{URL: r.URL})
		h.after = never
		stop := run(t, h, newLog(8, 3), first)
		wantEvents(t, r.next(t).events, 1, 3)
		if last := stop(); last != first {
			t.Errorf("ended at %d", last-first)
		}
		if len(j.outcomes) > 1 {
			t.Errorf("got %+v", j)
		}
	})
	t.Run("during a post", func(t *testing.T) {
		over := make(chan struct{})
		defer close(over)
		r := newReceiver(t)
		r.answers(func(http.ResponseWriter) { <-over })
		h, j := mustLoad(t, Settings{URL: r.URL})
		stop := run(t, h, newLog(8, 3), first)
		r.next(t)
		if last := stop(); last != first {
			t.Errorf("ended at %d", last-first)
		}
		if len(j.outcomes)+len(j.warnings) > 0 {
			t.Errorf("got %+v", j)
		}
	})
}

// A receiver that is away for longer than the history goes back is told that something is lost, and gets what is kept.
func TestFallsBehind(t *testing.T) {
	r := newReceiver(t)
	log := newLog(4, 1)
	r.answers(status(500), func(w http.ResponseWriter) {
		tell(log, 6)
		w.WriteHeader(500)
	})
	h, j := mustLoad(t, Settings{URL: r.URL})
	stop := run(t, h, log, 0)
	wantEvents(t, r.next(t).events, 0, 1)
	wantEvents(t, r.next(t).events, 0, 1)
	events := r.next(t).events
	if e := events[0]; e.Type != "gap" || e.ID != first+2 {
		t.Errorf("got %+v", e)
	}
	wantEvents(t, events[1:], 3, 7)
	stop()
	if j.outcomes[Dropped] != 3 || !strings.Contains(strings.Join(j.warnings, "\n"), "events dropped: 3") {
		t.Errorf("got %+v", j)
	}
}

// A gap that is told when there is nothing else yet is posted again like all events; what was lost before is not counted.
func TestGapAlone(t *testing.T) {
	r := newReceiver(t)
	log := newLog(4, 0)
	r.answers(status(500), status(500), func(w http.ResponseWriter) {
		tell(log, 6)
		w.WriteHeader(500)
	})
	h, j := mustLoad(t, Settings{URL: r.URL})
	stop := run(t, h, log, 1)
	for range 3 {
		if events := r.next(t).events; len(events) != 1 || events[0].Type != "gap" || events[0].ID != first-1 {
			t.Fatalf("got %+v", events)
		}
	}
	events := r.next(t).events
	if e := events[0]; e.Type != "gap" || e.ID != first+1 {
		t.Errorf("got %+v", e)
	}
	wantEvents(t, events[1:], 2, 6)
	stop()
	if j.outcomes[Dropped] != 2 {
		t.Errorf("got %+v", j)
	}
}

// A receiver that is only slow falls behind in the same way.
func TestSlowReceiver(t *testing.T) {
	r := newReceiver(t)
	log := newLog(4, 1)
	r.answers(func(http.ResponseWriter) { tell(log, 5) })
	h, j := mustLoad(t, Settings{URL: r.URL})
	stop := run(t, h, log, 0)
	wantEvents(t, r.next(t).events, 0, 1)
	events := r.next(t).events
	if e := events[0]; e.Type != "gap" || e.ID != first+1 {
		t.Errorf("got %+v", e)
	}
	wantEvents(t, events[1:], 2, 6)
	stop()
	if j.outcomes[Dropped] != 1 {
		t.Errorf("got %+v", j)
	}
}

func TestWarningsAreFew(t *testing.T) {
	r := newReceiver(t)
	refuse := func(w http.ResponseWriter) {
		http.Error(w, "who are you?\n"+strings.Repeat("!", 1000), http.StatusUnauthorized)
	}
	r.answers(refuse, status(500), refuse, status(500), refuse)
	h, j := mustLoad(t, Settings{URL: r.URL + "/private"})
	log := newLog(8, 0)
	stop := run(t, h, log, 0)
	for i := range 4 {
		tell(log, 1)
		wantEvents(t, r.next(t).events, i, i+1)
		if i == 1 || i == 2 {
			wantEvents(t, r.next(t).events, i, i+1)
		}
	}
	stop()
	if len(j.warnings) != 2 {
		t.Fatalf("got %q", j.warnings)
	}
	want := fmt.Sprintf(`on_change: %s: it answers 401 Unauthorized "who are you?\n%s"; events dropped: 1, with ids from %d to %d`,
		r.URL, strings.Repeat("!", 200-len("who are you?\n")), first, first)
	if j.warnings[0] != want {
		t.Errorf("got  %s\nwant %s", j.warnings[0], want)
	}
	want = "on_change: " + r.URL + ": it answers 500 Internal Server Error; events are kept for it as far as the history goes"
	if j.warnings[1] != want {
		t.Errorf("got  %s\nwant %s", j.warnings[1], want)
	}
}

func TestYearThatJSONHasNot(t *testing.T) {
	r := newReceiver(t)
	h, j := mustLoad(t, Settings{URL: r.URL})
	log := newLog(8, 0)
	log.Tell(api.Event{Time: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)})
	stop := run(t, h, log, 0)
	j.waitFor(t, Dropped, 1)
	tell(log, 1)
	wantEvents(t, r.next(t).events, 1, 2)
	stop()
}

// Whatever a receiver answers: it gets the events in order, each at least once unless it refused it, and knows where some are missing.
func TestWhateverTheReceiverDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newReceiver(t)
		defer r.Close()
		size := rapid.IntRange(1, 200).Draw(rt, "size")
		log := newLog(size, 0)
		codes := rapid.SliceOfN(rapid.SampledFrom([]int{200, 200, 500, 429}), 0, 8).Draw(rt, "codes")
		bursts := rapid.SliceOfN(rapid.IntRange(1, 150), len(codes), len(codes)).Draw(rt, "bursts")
		var mu sync.Mutex // guards what follows
		turn, taken, wrong := 0, uint64(first-1), ""
		done := make(chan struct{})
		r.answer = func(w http.ResponseWriter) {
			p := <-r.posts
			mu.Lock()
			defer mu.Unlock()
			code := 200
			if turn < len(codes) {
				code = codes[turn]
				tell(log, bursts[turn])
			}
			w.WriteHeader(code)
			turn++
			if code != 200 {
				return
			}
			for i, e := range p.events {
				if e.ID != taken+1 && (i > 0 || e.Type != "gap" || e.ID <= taken) {
					wrong = fmt.Sprintf("%d %q follows %d", e.ID, e.Type, taken)
				}
				taken = e.ID
			}
			if turn > len(codes) && taken == log.Newest() {
				close(done)
			}
		}
		tell(log, rapid.IntRange(1, 150).Draw(rt, "first"))
		h, _ := mustLoad(t, Settings{URL: r.URL})
		stop := run(t, h, log, first-1)
		select {
		case <-done:
		case <-time.After(patience):
			rt.Fatal("not all posts came")
		}
		stop()
		mu.Lock()
		defer mu.Unlock()
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}
