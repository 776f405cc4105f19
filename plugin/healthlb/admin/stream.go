package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/event"
)

// streamPiece is how much of a stream is written at once, in bytes. A reader has limits.eventSend for each.
const streamPiece = 16 << 10

// lastWords is how long the end of a stream may take, from there to where the connection is free. Whoever reads has it at once.
const lastWords = 250 * time.Millisecond

// stream sends events as they come, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), until the
// reader goes, is too slow, or would not be let in any more, or until the server closes.
func (s *service) stream(r *request, q eventQuery) error {
	server := s.server
	select {
	case server.streams <- struct{}{}:
		defer func() { <-server.streams }()
	default:
		r.to.Header().Set("Retry-After", strconv.Itoa(int(server.limit.beat.Seconds())))
		return NewProblem(http.StatusServiceUnavailable, "%d streams of events are open, and no more are served at once: come back later",
			cap(server.streams))
	}
	r.to.Header().Set("Content-Type", mediaStream)
	w := &eventWriter{to: r.to.stream(http.StatusOK), within: server.limit.eventSend}
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(server.closing, func() { cancel(); w.end() })()

	subscription := s.backend.Events().Subscribe(q.after)
	defer subscription.Close()
	w.begin()
	defer w.end()
	for due := time.Now(); w.err == nil; {
		if !time.Now().Before(due) {
			if !server.stillAdmits(r.Request) {
				w.comment("the end: come again, and show who you are")
				return nil
			}
			w.comment("")
			due = time.Now().Add(server.limit.beat)
		}
		untilDue, stop := context.WithDeadline(ctx, due)
		events, err := subscription.Next(untilDue)
		stop()
		switch {
		case errors.Is(err, event.ErrTooSlow):
			w.comment("the end: " + err.Error())
			return nil
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, context.DeadlineExceeded):
			return nil
		}
		w.events(events, q)
	}
	return nil
}

// stillAdmits tells whether a request would be let in now, under the settings in force and with the files as they are.
func (s *Server) stillAdmits(r *http.Request) bool {
	current := s.current.Load()
	_, err := current.admit(make(http.Header), r)
	return err == nil && !current.otherSide(r)
}

// eventWriter writes a stream. The first error is the last of it.
type eventWriter struct {
	to     http.ResponseWriter
	within time.Duration // for each piece
	err    error
	piece  []byte

	mu    sync.Mutex // guards what follows, and keeps deadlines in their order
	ended bool
}

// begin lifts the limits for requests, which would cut the stream off; each piece has a limit of its own.
func (w *eventWriter) begin() {
	w.err = http.NewResponseController(w.to).SetReadDeadline(time.Time{})
}

// end begins the last words: the end of what is being written, and of the answer. It may come at any time, and from anywhere.
func (w *eventWriter) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	_ = http.NewResponseController(w.to).SetWriteDeadline(time.Now().Add(lastWords)) // fails on a closed connection only
}

// deadline begins the time for a piece.
func (w *eventWriter) deadline() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return http.ErrServerClosed
	}
	return http.NewResponseController(w.to).SetWriteDeadline(time.Now().Add(w.within))
}

// comment writes a line that readers pass over.
func (w *eventWriter) comment(text string) {
	w.piece = append(w.piece, ": "+text+"\n\n"...)
	w.flush()
}

// events writes those of events that are wanted.
func (w *eventWriter) events(events []api.Event, q eventQuery) {
	for _, e := range events {
		if !q.matches(e) {
			continue
		}
		data, err := json.Marshal(e)
		if err != nil { // none of its types can fail
			panic(err)
		}
		w.piece = fmt.Appendf(w.piece, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Type, data)
		if len(w.piece) >= streamPiece {
			w.flush()
		}
	}
	w.flush()
}

// flush sends what is there.
func (w *eventWriter) flush() {
	if len(w.piece) > 0 && w.err == nil {
		if w.err = w.deadline(); w.err == nil {
			_, err := w.to.Write(w.piece)
			w.err = errors.Join(err, http.NewResponseController(w.to).Flush())
		}
	}
	w.piece = w.piece[:0]
}
