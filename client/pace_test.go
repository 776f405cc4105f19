package client

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBackoff(t *testing.T) {
	p := standard
	for _, test := range []struct {
		random float64
		want   []time.Duration // in tenths of a second
	}{{0, []time.Duration{5, 5, 5, 5, 5}}, {1, []time.Duration{10, 20, 40, 80, 150, 150}}} {
		p.random = func() float64 { return test.random }
		b := backoff{pace: p, most: 15 * time.Second}
		for range 2 {
			for i, want := range test.want {
				if got := b.next(); got != want*100*time.Millisecond {
					t.Errorf("wait %d with %v is %v", i, test.random, got)
				}
			}
			b.reset()
		}
	}
}

func TestBackoffStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := standard
		p.random = func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "random") }
		b := backoff{pace: p, most: time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "most"))}
		for range rapid.IntRange(1, 80).Draw(t, "tries") {
			if d := b.next(); d < p.retry || d > max(p.retry, b.most) {
				t.Fatalf("a wait of %v, at most %v", d, b.most)
			}
		}
	})
}

func TestOutlast(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	late, cancel := outlast(ctx, patience)
	defer cancel()
	end()
	if late.Err() != nil {
		t.Error("it ends at once")
	}
	cancel()
	await(t, "its end", late.Done())

	ctx, end = context.WithCancel(t.Context())
	late, cancel = outlast(ctx, time.Millisecond)
	defer cancel()
	end()
	await(t, "its end", late.Done())
}
