package client

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.org/healthlb/api"
)

const blocked = "POST /v1/blocklist"

// block1 is a block to hold.
func block1(d time.Duration) BlockHold {
	return BlockHold{Block: api.Block{Address: "192.0.2.1", Pool: "www.lb.example", Owner: "me", Reason: "work on it", Mode: "no-register"}, For: d}
}

// owners are those of the blocks in force.
func (r *responder) owners() (owners []string) {
	r.change(func() {
		for _, b := range r.inForce() {
			owners = append(owners, b.Owner)
		}
	})
	return owners
}

// holding holds a block in the background, and returns when it is in force.
func holding(t *testing.T, ctx context.Context, c *Client, h BlockHold) (held <-chan Held, failed <-chan error) {
	t.Helper()
	begun, heldCh, failedCh := make(chan api.Effect, 1), make(chan Held, 1), make(chan error, 1)
	h.OnHold = func(e api.Effect) { begun <- e }
	go func() {
		held, err := c.Hold(ctx, h)
		heldCh <- held
		failedCh <- err
	}()
	if e := await(t, "the block", begun); !e.Changed {
		t.Errorf("%+v", e)
	}
	return heldCh, failedCh
}

func TestHoldToTheEnd(t *testing.T) {
	r := newResponder(t).start()
	c := clientOf(t, Settings{Server: r.url()})
	c.pace.lease = 100 * time.Millisecond
	begun := time.Now()
	held, failed := holding(t, t.Context(), c, block1(300*time.Millisecond))
	r.change(func() {
		if b := r.blocks[0]; b.Owner != "me" || b.Pool != "www.lb.example" || b.Reason != "work on it" || b.Mode != "no-register" {
			t.Errorf("%+v", b)
		}
	})
	got, err := await(t, "the end", held), await(t, "the end", failed)
	if err != nil || got.Interrupted || got.Renewals == 0 || !got.Effect.Changed {
		t.Errorf("%+v, %v", got, err)
	}
	if at := got.Until.Sub(begun); !got.Lapsed && at < 300*time.Millisecond {
		t.Errorf("it ended after %v", at)
	}
	if owners := r.owners(); len(owners) > 0 {
		t.Errorf("still there: %v", owners)
	}
}

func TestShortHold(t *testing.T) {
	r := newResponder(t).start()
	got, err := clientOf(t, Settings{Server: r.url()}).Hold(t.Context(), block1(20*time.Millisecond))
	if err != nil || got.Renewals > 0 || got.Lapsed || got.Interrupted || r.heard(blocked) != 1 {
		t.Errorf("%+v, %v: one call is enough for what is shorter than a lease", got, err)
	}
}

func TestHoldIsInterrupted(t *testing.T) {
	r := newResponder(t).start()
	ctx, cancel := during(t)
	held, failed := holding(t, ctx, clientOf(t, Settings{Server: r.url()}), block1(time.Hour))
	soon(t, "renewals", func() bool { return r.heard(blocked) > 3 })
	r.change(func() { // others' are not touched
		r.blocks = append(r.blocks, api.Block{Address: "192.0.2.1", Pool: "www.lb.example", Owner: "other"},
			api.Block{Address: "192.0.2.1", Owner: "me"}, api.Block{Address: "192.0.2.1", Owner: ""}, api.Block{Address: "192.0.2.2", Owner: "me"})
	})
	cancel()
	got, err := await(t, "the end", held), await(t, "the end", failed)
	if err != nil || !got.Interrupted || !got.Removed.Changed || got.Lapsed {
		t.Errorf("%+v, %v", got, err)
	}
	if owners := r.owners(); !slices.Equal(owners, []string{"other", "me", "", "me"}) {
		t.Errorf("left over: %q", owners)
	}
}

// TestHoldBesideNobodys: a removal would take nobody's entry along, which is not the holder's to remove.
func TestHoldBesideNobodys(t *testing.T) {
	r := newResponder(t).start()
	r.blocks = []api.Block{{Address: "192.0.2.1", Pool: "WWW.lb.example."}}
	ctx, cancel := during(t)
	held, failed := holding(t, ctx, clientOf(t, Settings{Server: r.url()}), block1(time.Hour))
	cancel()
	if got, err := await(t, "the end", held), await(t, "the end", failed); err != nil || !got.Interrupted {
		t.Errorf("%+v, %v", got, err)
	}
	soon(t, "only nobody's to be there", func() bool { return slices.Equal(r.owners(), []string{""}) })
}

func TestHoldThatIsGoneAlready(t *testing.T) {
	r := newResponder(t).start()
	ctx, cancel := during(t)
	c := clientOf(t, Settings{Server: r.url()})
	c.pace.renew = patience
	held, failed := holding(t, ctx, c, block1(time.Hour))
	r.change(func() { r.blocks = []api.Block{{Address: "192.0.2.1", Pool: "www.lb.example", Owner: "other"}} })
	cancel()
	if got, err := await(t, "the end", held), await(t, "the end", failed); err != nil || got.Removed.Changed {
		t.Errorf("%+v, %v", got, err)
	}
	if n := r.heard("DELETE /v1/blocklist/192.0.2.1"); n > 0 {
		t.Errorf("%d removals of what is not there", n)
	}
}

func TestHoldOverTroubles(t *testing.T) {
	r := newResponder(t).start()
	ctx, cancel := during(t)
	c := clientOf(t, Settings{Server: r.url()})
	c.pace.lease = 50 * time.Millisecond
	h := block1(time.Hour)
	troubles := make(chan error, 1000)
	h.OnTrouble = func(err error) { troubles <- err }
	held, failed := holding(t, ctx, c, h)
	r.change(func() { r.fault = func(*http.Request) int { return 503 } })
	if err := await(t, "trouble", troubles); StatusOf(err) != 503 {
		t.Error(err)
	}
	soon(t, "the block to lapse", func() bool { return len(r.owners()) == 0 })
	r.kill()
	r.start()
	r.change(func() { r.fault = nil })
	for err := error(nil); ; {
		if err = await(t, "the end of trouble", troubles); err == nil {
			break
		}
	}
	soon(t, "the block to be there again", func() bool { return slices.Equal(r.owners(), []string{"me"}) })
	r.kill()
	cancel()
	got, err := await(t, "the end", held), await(t, "the end", failed)
	if err == nil || !strings.Contains(err.Error(), "is left to end by itself at 2") || !strings.Contains(err.Error(), r.url()) || !got.Lapsed {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHoldThatIsRefused(t *testing.T) {
	r := newResponder(t).start()
	r.fault = func(*http.Request) int { return 409 }
	c := clientOf(t, Settings{Server: r.url()})
	if _, err := c.Hold(t.Context(), block1(time.Hour)); StatusOf(err) != 409 || r.heard(blocked) != 1 {
		t.Error(err)
	}
	// The end comes while the first call is under way, and nobody knows whether it was carried out: it is undone.
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int32
	r.change(func() {
		r.fault = nil
		r.lose = func(q *http.Request) bool {
			asked.Add(1)
			cancel()
			return q.Method == http.MethodPost
		}
	})
	if _, err := c.Hold(ctx, block1(time.Hour)); !errors.Is(err, context.Canceled) || len(r.owners()) > 0 || asked.Load() < 3 {
		t.Errorf("%v, left over %v", err, r.owners())
	}
	r.change(func() { r.lose, r.blocks = nil, nil })
	for _, test := range []struct {
		h    BlockHold
		want string
	}{
		{BlockHold{Block: api.Block{Address: "192.0.2.1"}, For: time.Hour}, "no owner"},
		{BlockHold{Block: api.Block{Address: "192.0.2.1", Owner: "me", For: "1h"}, For: time.Hour}, "BlockHold.For"},
		{BlockHold{Block: api.Block{Address: "192.0.2.1", Owner: "me", Until: "2030-01-01T00:00:00Z"}, For: time.Hour}, "BlockHold.For"},
		{BlockHold{Block: api.Block{Address: "192.0.2.1", Owner: "me"}}, "want more than 0"},
		{BlockHold{Block: api.Block{Address: "web1", Owner: "me"}, For: time.Hour}, `"web1" is neither`},
	} {
		if _, err := c.Hold(t.Context(), test.h); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %s", test.h, err, test.want)
		}
	}
	if owners := r.owners(); len(owners) > 0 {
		t.Errorf("blocked for %v", owners)
	}
}
