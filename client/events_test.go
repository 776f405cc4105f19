package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// follow reads events in the background.
func follow(ctx context.Context, c *Client, q EventQuery) (<-chan api.Event, <-chan error) {
	events, ended := make(chan api.Event, 100), make(chan error, 1)
	go func() {
		for e, err := range c.Events(ctx, q) {
			if err != nil {
				ended <- err
				break
			}
			events <- e
		}
		close(ended)
	}()
	return events, ended
}

func TestEventsAreResumed(t *testing.T) {
	r := newResponder(t).start()
	var breaks atomic.Int32
	ctx, cancel := during(t)
	c := clientOf(t, Settings{Server: r.url()})
	r.say(3, "before")
	r.say(5, "also before")
	events, ended := follow(ctx, c, EventQuery{After: 3, OnBreak: func(err error) {
		if !strings.Contains(err.Error(), r.url()) {
			t.Error(err)
		}
		breaks.Add(1)
	}})
	if e := await(t, "an event of before", events); e.ID != 5 || e.Text != "also before" {
		t.Errorf("%v", e)
	}
	r.say(8, "after")
	if e := await(t, "an event", events); e.ID != 8 {
		t.Errorf("%v", e)
	}
	r.cutOff()
	soon(t, "to come back", func() bool { return r.heard("resumed after 8") > 0 })
	r.say(9, "after a cut")
	if e := await(t, "an event after a cut", events); e.ID != 9 {
		t.Errorf("%v", e)
	}
	r.kill()
	broken := breaks.Load()
	soon(t, "some tries", func() bool { return breaks.Load() > broken+3 })
	r.start()
	r.say(10, "after a restart")
	if e := await(t, "an event after a restart", events); e.ID != 10 {
		t.Errorf("%v", e)
	}
	cancel()
	if err := await(t, "the end", ended); err != nil {
		t.Errorf("the end by the context is %v", err)
	}
}

func TestEventsAreRefused(t *testing.T) {
	r := newResponder(t).start()
	r.change(func() { r.token = "0123456789abcdef" })
	ctx, _ := during(t)
	_, ended := follow(ctx, clientOf(t, Settings{Server: r.url()}), EventQuery{})
	if err := await(t, "a refusal", ended); StatusOf(err) != 401 {
		t.Error(err)
	}
	events, ended := follow(ctx, clientOf(t, Settings{Server: r.url(), Token: "0123456789abcdef"}), EventQuery{})
	r.say(1, "the first")
	await(t, "an event", events)
	r.change(func() { r.fault = func(*http.Request) int { return 503 } })
	r.cutOff()
	soon(t, "some tries", func() bool { return r.heard("resumed after 1") > 2 })
	select {
	case err := <-ended:
		t.Errorf("what may pass has ended it: %v", err)
	default:
	}
	r.change(func() { r.token = "another-0123456789" })
	if err := await(t, "the end", ended); StatusOf(err) != 401 {
		t.Error(err)
	}

	r.kill()
	_, ended = follow(ctx, clientOf(t, Settings{Server: r.url()}), EventQuery{})
	if err := await(t, "the end of who never had a stream", ended); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
}

func TestStrangeStreams(t *testing.T) {
	for _, test := range []struct{ name, form, body, want string }{
		{"no stream", "text/html", "<html>", `its type is "text/html"`},
		{"no JSON", "text/event-stream", "data: a\n\n", "invalid character"},
		{"no event", "text/event-stream", "data: {\"id\":-1}\n\n", "cannot unmarshal"},
		{"too long", "text/event-stream; charset=utf-8", "data: " + strings.Repeat("x", maxEvent+1), "more than 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.form)
				_, _ = io.WriteString(w, test.body)
			})
			ctx, _ := during(t)
			events, ended := follow(ctx, clientOf(t, Settings{Server: server}), EventQuery{})
			err := await(t, "the end", ended)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), server) || len(events) > 0 {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

// TestSilentStream: a stream that says nothing is left, and resumed after the last id, be it one that stood alone.
func TestSilentStream(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	resumed := make(chan string, 100)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		resumed <- r.Header.Get("Last-Event-ID") + " " + r.URL.RawQuery
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "id: 41\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	ctx, cancel := during(t)
	c := clientOf(t, Settings{Server: server})
	c.pace.silence = 20 * time.Millisecond
	why := make(chan error, 100)
	_, ended := follow(ctx, c, EventQuery{Pool: "www.", OnBreak: func(err error) { why <- err }})
	var asked []string
	for range 3 {
		asked = append(asked, await(t, "a try", resumed))
	}
	if want := []string{" pool=www.", "41 pool=www.", "41 pool=www."}; !slices.Equal(asked, want) {
		t.Errorf("%q, want %q", asked, want)
	}
	if err := await(t, "a reason", why); !strings.Contains(err.Error(), "not a word for 20ms") {
		t.Error(err)
	}
	cancel()
	await(t, "the end", ended)
}

// TestSlowReader: who takes long over an event is not taken for a stream that is silent.
func TestSlowReader(t *testing.T) {
	r := newResponder(t).start()
	r.say(1, "one")
	ctx, _ := during(t)
	c := clientOf(t, Settings{Server: r.url()})
	c.pace.silence = 200 * time.Millisecond
	for e, err := range c.Events(ctx, EventQuery{OnBreak: func(err error) { t.Error(err) }}) {
		if err != nil || e.ID == 2 {
			break
		}
		time.Sleep(2 * c.pace.silence)
		r.say(2, "two")
	}
	if n := r.heard("GET /v1/events"); n != 1 {
		t.Errorf("%d streams", n)
	}
}

func TestStreamThatDoesNotBegin(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	c := clientOf(t, Settings{Server: server, Timeout: 10 * time.Millisecond})
	ctx, _ := during(t)
	_, ended := follow(ctx, c, EventQuery{})
	if err := await(t, "the end", ended); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not within 10ms") {
		t.Error(err)
	}
}
