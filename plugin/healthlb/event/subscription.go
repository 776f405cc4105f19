package event

import (
	"context"
	"errors"
	"sync"

	"example.org/healthlb/api"
)

// ErrTooSlow is the end of a subscription that has not taken events before they were replaced.
var ErrTooSlow = errors.New("too slow: events were lost before they were taken")

// ErrClosed is the end of a subscription that was closed.
var ErrClosed = errors.New("the subscription was closed")

// Subscription is somebody who looks on. To the history he is a number and nothing else: it does not know him, and keeps nothing for him.
type Subscription struct {
	log *Log

	after uint64 // the number of the last event that was taken
	begun bool   // something was taken
	slow  bool   // something was lost

	close  sync.Once
	closed chan struct{}
}

// Subscribe begins behind an event, as History does: first come those that are kept, with a gap before them if some are lost. 0 begins
// with all that are kept; a number that is still to come, with the next event.
func (l *Log) Subscribe(after uint64) *Subscription {
	return &Subscription{log: l, after: min(after, l.Newest()), closed: make(chan struct{})}
}

// Next returns the events since the last call, at least one, and waits until there is one. It returns the error of ctx, ErrTooSlow or
// ErrClosed; only after that of ctx can it be called again. One goroutine may call it at a time.
func (s *Subscription) Next(ctx context.Context) ([]api.Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		next := s.log.next.Load()
		events, err := s.take(next)
		if len(events) > 0 || err != nil {
			return events, err
		}
		wake := s.log.told(next)
		if wake == nil {
			continue
		}
		select {
		case <-wake:
		case <-s.closed:
		case <-ctx.Done():
		}
	}
}

// take returns the events before next that are not taken yet, and does not wait.
func (s *Subscription) take(next uint64) ([]api.Event, error) {
	select {
	case <-s.closed:
		return nil, ErrClosed
	default:
	}
	if s.slow {
		return nil, ErrTooSlow
	}
	events, complete := s.log.before(next, s.after)
	if len(events) == 0 {
		return nil, nil
	}
	// Who has just come may begin with the oldest one kept, which the next event replaces: that is not his slowness.
	if !complete && s.begun {
		s.slow = true
		return nil, ErrTooSlow
	}
	s.after, s.begun = events[len(events)-1].ID, true
	return events, nil
}

// Close ends the subscription, and whoever waits in Next. It can be called by anyone, and more than once.
func (s *Subscription) Close() { s.close.Do(func() { close(s.closed) }) }
