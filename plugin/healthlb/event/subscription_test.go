package event

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.org/healthlb/api"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// wantNext takes what is there next.
func wantNext(t *testing.T, s *Subscription, gap bool, want ...int) {
	t.Helper()
	events, err := s.Next(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	if gotGap, got := numbers(events); gotGap != gap || !slices.Equal(got, want) {
		t.Errorf("got %v, gap %v, want %v, gap %v", got, gotGap, want, gap)
	}
}

func TestSubscribe(t *testing.T) {
	for _, tc := range []struct {
		name   string
		events int
		after  uint64
		gap    bool
		want   []int // with one more event that comes later
	}{
		{"all", 2, 0, false, []int{0, 1, 2}},
		{"all of nothing", 0, 0, false, []int{0}},
		{"from now on", 2, math.MaxUint64, false, []int{2}},
		{"from now on, with nothing yet", 0, math.MaxUint64, false, []int{0}},
		{"on from the newest", 2, first + 1, false, []int{2}},
		{"on from one that is kept", 2, first, false, []int{1, 2}},
		{"on from an earlier process", 2, 1, true, []int{-1, 0, 1, 2}},
		{"on from an earlier process, with nothing yet", 0, 1, true, []int{-1, 0}},
		{"the next event replaces the oldest one", 4, 0, false, []int{1, 2, 3, 4}},
		{"the next event replaces the one to go on with", 4, first - 1, true, []int{0, 1, 2, 3, 4}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := told(4, tc.events)
			s := l.Subscribe(tc.after)
			defer s.Close()
			l.Tell(api.Event{})
			wantNext(t, s, tc.gap, tc.want...)
			l.Tell(api.Event{})
			wantNext(t, s, false, tc.events+1)
		})
	}
}

func TestGapIsToldBeforeAnythingHappens(t *testing.T) {
	l := told(4, 0)
	s := l.Subscribe(1)
	wantNext(t, s, true, -1)
	l.Tell(api.Event{})
	wantNext(t, s, false, 0)
}

func TestTooSlow(t *testing.T) {
	l := told(4, 1)
	s := l.Subscribe(0)
	wantNext(t, s, false, 0)
	for range 4 {
		l.Tell(api.Event{})
	}
	wantNext(t, s, false, 1, 2, 3, 4)
	for range 5 {
		l.Tell(api.Event{})
	}
	for range 2 { // and so it stays
		if events, err := s.Next(patient(t)); !errors.Is(err, ErrTooSlow) || events != nil {
			t.Fatalf("got %v, %v", events, err)
		}
	}
	wantNext(t, l.Subscribe(first+4), true, 5, 6, 7, 8, 9) // he comes back, and knows that something is lost
}

func TestNextWaits(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(l *Log, s *Subscription, cancel func())
		err  error
		want []int
	}{
		"for an event": {func(l *Log, _ *Subscription, _ func()) { l.Tell(api.Event{}) }, nil, []int{1}},
		"until closed": {func(_ *Log, s *Subscription, _ func()) { s.Close(); s.Close() }, ErrClosed, nil},
		"until cancelled": {func(_ *Log, _ *Subscription, cancel func()) { cancel() },
			context.Canceled, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := told(4, 1)
				s := l.Subscribe(l.Newest())
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var events []api.Event
				var err error
				done := make(chan struct{})
				go func() {
					defer close(done)
					events, err = s.Next(ctx)
				}()
				synctest.Wait()
				select {
				case <-done:
					t.Fatalf("did not wait: %v, %v", events, err)
				default:
				}
				tc.end(l, s, cancel)
				<-done
				if _, got := numbers(events); !errors.Is(err, tc.err) || !slices.Equal(got, tc.want) {
					t.Errorf("got %v, %v, want %v, %v", got, err, tc.want, tc.err)
				}
			})
		})
	}
}

func TestEndsComeBeforeEvents(t *testing.T) {
	l := told(4, 1)
	s := l.Subscribe(0)
	ended, end := context.WithCancel(t.Context())
	end()
	if events, err := s.Next(ended); !errors.Is(err, context.Canceled) || events != nil {
		t.Errorf("got %v, %v", events, err)
	}
	s.Close()
	if events, err := s.Next(patient(t)); !errors.Is(err, ErrClosed) || events != nil {
		t.Errorf("got %v, %v", events, err)
	}
}

// Whoever looks on sees each event once, in the order of numbers, and never a hole that he is not told of, while many tell and he may be
// too slow for them.
func TestConcurrently(t *testing.T) {
	const size, tellers, each, readers = 64, 4, 5000, 8
	l := NewLog(size, start)
	last := uint64(first + tellers*each - 1)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			at := uint64(first - 1)
			s := l.Subscribe(at)
			defer func() { s.Close() }()
			for at < last {
				events, err := s.Next(patient(t))
				if errors.Is(err, ErrTooSlow) {
					s = l.Subscribe(at)
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				for i, e := range events {
					if e.ID != at+1 && (i > 0 || e.Type != "gap" || e.ID <= at) {
						t.Errorf("%d %q follows %d", e.ID, e.Type, at)
						return
					}
					at = e.ID
				}
			}
		})
	}
	wg.Go(func() {
		for l.Newest() < last {
			events, _ := l.History(first)
			for i := 1; i < len(events); i++ {
				if events[i].ID != events[i-1].ID+1 || events[i].Time.Before(events[i-1].Time) && events[i-1].Type != "gap" {
					t.Errorf("%+v follows %+v", events[i], events[i-1])
					return
				}
			}
		}
	})
	for range tellers {
		wg.Go(func() {
			for range each {
				l.Tell(api.Event{Type: "transition"})
			}
		})
	}
	wg.Wait()
	if l.Newest() != last {
		t.Errorf("the newest is %d, want %d", l.Newest(), last)
	}
}
