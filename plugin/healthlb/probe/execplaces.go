package probe

import "context"

// places bounds how much of something goes on at once. Who waits longest for a place gets the next one.
type places chan struct{}

func newPlaces(n int) places { return make(places, n) }

// try takes a place if there is one now.
func (p places) try() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

// wait waits for a place, and returns false if the context ended before there was one.
func (p places) wait(ctx context.Context) bool {
	select {
	case p <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// leave gives a place back.
func (p places) leave() { <-p }
