package webhook

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/event"
)

// body is what is posted.
type body struct {
	Events []api.Event `json:"events"`
}

// maxEvents is how many events are in a post. A transition is some 300 bytes in JSON, so that a post is smaller than 64 KiB as a rule.
const maxEvents = 100

// Run posts the events behind one until ctx ends, and returns the number of the last one that is done with, so that another hook can go on
// from there. What is delivered while ctx ends may be posted again by that one. It is one goroutine, besides those of one HTTP
// connection, and has no more events in its hands than the history keeps. A hook runs once at a time.
func (h *Hook) Run(ctx context.Context, log *event.Log, after uint64) (last uint64) {
	defer func() { h.use(nil) }()
	// What begins with all events, or with the next one, knows from here on which it has seen: else it would not know what it has lost.
	if last = min(after, log.Newest()); after == 0 {
		last = log.Oldest() - 1
	}
	before := log.Oldest() - 1
	for ctx.Err() == nil {
		last = h.follow(ctx, log, last, before)
	}
	return last
}

// follow posts until ctx ends, or the history has gone on without it: then whoever follows again gets a gap. What was lost before this hook
// began, up to a number, is not counted.
func (h *Hook) follow(ctx context.Context, log *event.Log, last, before uint64) uint64 {
	s := log.Subscribe(last)
	defer s.Close()
	for {
		events, err := s.Next(ctx)
		if err != nil {
			return last
		}
		if had, e := max(last, before), events[0]; e.Type == "gap" && e.ID > had {
			h.lose(e.ID - had) // a gap has the number of the last one lost
		}
		for batch := range slices.Chunk(events, maxEvents) {
			if !h.deliver(ctx, log, batch) {
				return last
			}
			last = batch[len(batch)-1].ID
		}
	}
}

// deliver posts events until the receiver has taken them, or refused them for good. It returns false if before that ctx has ended, or the
// history keeps none of them any more: then later ones are worth more.
func (h *Hook) deliver(ctx context.Context, log *event.Log, events []api.Event) bool {
	text, err := json.Marshal(body{events})
	if err != nil { // a year with five digits
		h.drop(events, err.Error())
		return true
	}
	for before := 0; ; before++ {
		r := h.post(ctx, text)
		switch {
		case r.outcome == Delivered:
			h.settings.Observe(Delivered, len(events))
			return true
		case r.outcome == Dropped:
			h.drop(events, r.why)
			return true
		case ctx.Err() != nil:
			return false // that is why, and no fault of the receiver
		}
		h.settings.Observe(Failed, len(events))
		h.retrying.say("on_change: %s: %s; events are kept for it as far as the history goes", h.receiver, r.why)
		if !h.sleep(ctx, max(r.wait, h.backOff(before))) || events[len(events)-1].ID+1 < log.Oldest() {
			return false
		}
	}
}

// lose tells of events that the history does not keep any more.
func (h *Hook) lose(events uint64) {
	h.settings.Observe(Dropped, int(events))
	h.dropping.say("on_change: %s: fell behind the history; events dropped: %d", h.receiver, events)
}

func (h *Hook) drop(events []api.Event, why string) {
	h.settings.Observe(Dropped, len(events))
	h.dropping.say("on_change: %s: %s; events dropped: %d, with ids from %d to %d",
		h.receiver, why, len(events), events[0].ID, events[len(events)-1].ID)
}

// Waits between posts that fail.
const (
	minWait = time.Second
	maxWait = time.Minute
)

// backOff returns how long to wait after so many posts that failed before this one: anything from 1s to a bound that doubles from 2s to a
// minute, so that receivers of many are not met by all at once.
func (h *Hook) backOff(before int) time.Duration {
	bound := min(maxWait, 2*minWait<<min(before, 10))
	return minWait + time.Duration(h.jitter()*float64(bound-minWait))
}

// sleep waits, and returns false if ctx ends before.
func (h *Hook) sleep(ctx context.Context, d time.Duration) bool {
	over, stop := h.after(d)
	defer stop()
	select {
	case <-over:
		return true
	case <-ctx.Done():
		return false
	}
}
