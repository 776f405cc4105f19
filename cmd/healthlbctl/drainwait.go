package main

import (
	"context"
	"fmt"
	"time"

	"example.org/healthlb/api"
)

const (
	// lookEvery is how often a drain is looked at while it is waited for.
	lookEvery = time.Second
	// patience is how long the server may be away meanwhile: longer than a restart.
	patience = 2 * time.Minute
)

// waitForDrain returns when a member is safe to stop.
func (a *app) waitForDrain(ctx context.Context, s *session, pool, id string, done api.DrainChange) error {
	heard := a.now() // when the server last answered
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-wait.C:
		}
		if ctx.Err() != nil {
			a.endProgress()
			return failed(exitInterrupted, "interrupted; the drain stays in force (`healthlbctl undrain %s %s` takes it back)", short(pool), id)
		}
		now, err := s.Pool(ctx, pool)
		switch {
		case err == nil:
			heard = a.now()
			drain, err := drainOf(now, id)
			if err != nil {
				a.endProgress()
				return err
			}
			if done.Drain = drain; drain.Safe {
				a.endProgress()
				return a.show(s.settings, done, func() error { return a.line("%s is safe to stop", id) })
			}
			a.progress("waiting for caches to forget %s: %s", id, a.safeAfter(drain.SafeAfter))
		case ctx.Err() != nil:
		case lasting(err) || a.now().Sub(heard) > patience:
			a.endProgress()
			return err
		default:
			a.progress("waiting for the server to answer again: %s", errorText(err))
		}
		wait.Reset(lookEvery)
	}
}

// drainOf finds a member's drain.
func drainOf(p api.Pool, id string) (*api.Drain, error) {
	for _, m := range p.Members {
		switch {
		case m.ID != id:
		case m.Drain == nil:
			return nil, failed(exitRefused, "the drain of %s was taken back by somebody else", id)
		default:
			return m.Drain, nil
		}
	}
	return nil, failed(exitNotFound, "%s is no member of %s any more", id, short(p.Name))
}

// lasting tells whether an error is the server's last word, and waiting does not help.
func lasting(err error) bool {
	p := problemOf(err)
	return p != nil && p.Status < 500 && p.Status != 408 && p.Status != 429
}

// progress shows how far something is, in the place of what it showed before; only to people.
func (a *app) progress(format string, args ...any) {
	if a.errIsTerminal {
		a.writing.Lock()
		defer a.writing.Unlock()
		fmt.Fprintf(a.err, "\r\x1b[K"+format, args...) // ECMA-48: erase to the end of the line
	}
}

// endProgress takes it away.
func (a *app) endProgress() { a.progress("") }
