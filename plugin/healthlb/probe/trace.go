package probe

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Trace writes down the steps of one probe, for people. The zero value is ready, and a nil Trace writes nothing.
type Trace struct {
	mu    sync.Mutex // guards what follows
	begun time.Time
	steps []Step
}

// Step is something that a probe has done.
type Step struct {
	Name   string        // connect, handshake, certificate, status ...
	Took   time.Duration // since the step before it
	Detail string        // what was found; may be empty
}

type traceKey struct{}

// WithTrace returns a context whose probe writes its steps into t, the first of which begins now.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	t.begun = time.Now()
	return context.WithValue(ctx, traceKey{}, t)
}

// traceOf returns the context's Trace; nil when there is none.
func traceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// step notes that a step is done, with what it found. Parts that come from the member are made fit for a line.
func (t *Trace) step(name, format string, args ...any) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.steps = append(t.steps, Step{name, now.Sub(t.begun), printable(fmt.Sprintf(format, args...))})
	t.begun = now
}

// Steps returns what was noted.
func (t *Trace) Steps() []Step {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.steps
}
