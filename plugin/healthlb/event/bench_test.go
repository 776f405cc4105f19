package event

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"example.org/healthlb/api"
)

// BenchmarkTell tells as fast as it can while others look on, and come back when they are cut off.
func BenchmarkTell(b *testing.B) {
	for _, readers := range []int{0, 1, 100} {
		b.Run(fmt.Sprintf("subscribers=%d", readers), func(b *testing.B) {
			l := NewLog(1000, start)
			ctx, cancel := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			for range readers {
				wg.Go(func() {
					s := l.Subscribe(l.Newest())
					for ctx.Err() == nil {
						if _, err := s.Next(ctx); err != nil {
							s = l.Subscribe(l.Newest())
						}
					}
				})
			}
			e := api.Event{Type: "transition", Pool: "www.lb.example.org.", Member: "192.0.2.1", From: "up", To: "down"}
			b.ReportAllocs()
			for b.Loop() {
				l.Tell(e)
			}
			b.StopTimer()
			cancel()
			wg.Wait()
		})
	}
}
