package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"example.org/healthlb/api"
)

// EventQuery says which events are wanted.
type EventQuery struct {
	Pool  string // empty: those of all pools
	After uint64 // only those behind this one; 0: all that the responder still has

	// OnBreak, when not nil, is told why a stream broke, each time before it is resumed.
	OnBreak func(error)
}

func (q EventQuery) call(accept string) call {
	query := url.Values{}
	if q.Pool != "" {
		query.Set("pool", q.Pool)
	}
	if q.After != 0 {
		query.Set("after", strconv.FormatUint(q.After, 10))
	}
	return call{method: http.MethodGet, path: pathOf("events"), query: query, accept: accept, most: maxList}
}

// History returns the events that were.
func (c *Client) History(ctx context.Context, q EventQuery) ([]api.Event, error) {
	return ask[[]api.Event](ctx, c, q.call(mediaJSON))
}

// Events goes through the events that were, and then through those to come as they come. A stream that breaks is resumed behind the last
// event, with growing waits while the responder is away. It ends with an error when the first call fails, or when the responder refuses
// to go on; and without one when ctx ends.
func (c *Client) Events(ctx context.Context, q EventQuery) iter.Seq2[api.Event, error] {
	return func(yield func(api.Event, error) bool) {
		wait := backoff{pace: c.pace, most: c.pace.retryMax}
		last, begun := q.After, false
		for {
			s, err := c.openStream(ctx, q, last, begun)
			if err == nil {
				begun = true
				err = s.each(&last, func(e api.Event) bool { return yield(e, nil) })
				s.close()
				if s.frames.any {
					wait.reset()
				}
			}
			switch {
			case err == nil: // nobody wants more
				return
			case ctx.Err() != nil:
				return
			case !begun || isFinal(err):
				yield(api.Event{}, err)
				return
			}
			if q.OnBreak != nil {
				q.OnBreak(err)
			}
			if !sleep(ctx, wait.next()) {
				return
			}
		}
	}
}

// isFinal tells whether a stream that broke in this way would break in the same way again.
func isFinal(err error) bool {
	var strange *strangeError
	return errors.As(err, &strange) || isRefusal(err)
}

// strangeError is a stream that is not understood.
type strangeError struct {
	server server
	err    error
}

func (e *strangeError) Error() string {
	return fmt.Sprintf("healthlb at %s: the stream of events is not understood: %v", e.server, e.err)
}
func (e *strangeError) Unwrap() error { return e.err }

// stream is one connection's part of the events.
type stream struct {
	c      *Client
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer // cuts the stream off that says nothing
	body   io.ReadCloser
	frames *frames
}

// openStream asks for the events behind one.
func (c *Client) openStream(ctx context.Context, q EventQuery, last uint64, again bool) (*stream, error) {
	s := &stream{c: c}
	k := q.call(mediaEvents)
	if again && last != 0 {
		k.query.Del("after")
		k.header = map[string]string{"Last-Event-ID": strconv.FormatUint(last, 10)}
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	request, err := c.request(s.ctx, k)
	if err != nil {
		s.cancel(nil)
		return nil, err
	}
	tooLong := time.AfterFunc(c.timeout, func() { s.cancel(timeoutError{c.timeout}) })
	r, err := c.http.Do(request)
	if err != nil {
		err = c.silence(s.ctx, err)
	} else {
		s.body = r.Body
		err = c.checkStream(r)
	}
	if tooLong.Stop(); err != nil {
		s.close()
		return nil, err
	}
	s.timer = time.AfterFunc(c.pace.silence, func() { s.cancel(fmt.Errorf("not a word for %v", c.pace.silence)) })
	s.frames = newFrames(s)
	return s, nil
}

// checkStream tells whether an answer is a stream of events.
func (c *Client) checkStream(r *http.Response) error {
	if r.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
		if err != nil {
			return c.silence(r.Request.Context(), err)
		}
		return c.refusal(r, body)
	}
	if form, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); form != mediaEvents {
		return &strangeError{c.server, fmt.Errorf("its type is %q: want %s", r.Header.Get("Content-Type"), mediaEvents)}
	}
	return nil
}

// Read reads from the stream, and cuts it off when it is silent for too long: between two calls nobody listens, and no time runs.
func (s *stream) Read(p []byte) (int, error) {
	s.timer.Reset(s.c.pace.silence)
	n, err := s.body.Read(p)
	s.timer.Stop()
	if err != nil {
		if cause := context.Cause(s.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// each hands the events on until the stream breaks, which is an error, or no more are wanted. last becomes the number of the last one.
func (s *stream) each(last *uint64, yield func(api.Event) bool) error {
	for {
		f, err := s.frames.next()
		if errors.Is(err, errLongEvent) {
			return &strangeError{s.c.server, err}
		}
		if err != nil {
			return fmt.Errorf("healthlb at %s: the stream of events broke: %w", s.c.server, err)
		}
		id, err := strconv.ParseUint(f.id, 10, 64)
		if len(f.data) == 0 {
			if err == nil {
				*last = id
			}
			continue
		}
		var e api.Event
		if err := json.Unmarshal(f.data, &e); err != nil {
			return &strangeError{s.c.server, err}
		}
		if *last = e.ID; err == nil {
			*last = id
		}
		if !yield(e) {
			return nil
		}
	}
}

func (s *stream) close() {
	s.cancel(nil)
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.body != nil {
		s.body.Close()
	}
}
