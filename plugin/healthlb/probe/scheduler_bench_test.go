package probe

import (
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkScheduler is what the scheduler adds to a probe: the check does nothing, the report nearly so, and each target is due again as
// soon as it has been probed. All cores work, so it is not what a probe costs one of them.
func BenchmarkScheduler(b *testing.B) {
	for _, targets := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("targets=%d", targets), func(b *testing.B) {
			s := NewScheduler(Options{})
			defer s.Close()
			var reports atomic.Int64
			reports.Store(math.MinInt64) // none counts until all targets are there
			wanted, done := int64(b.N), make(chan struct{})
			count := Report(func(Result) bool {
				if reports.Add(1) == wanted {
					close(done)
				}
				return false
			})
			for range targets {
				s.Add(Target{Interval: 1, Timeout: time.Minute, Confirm: 1}, fake(pass), count, false)
			}
			b.ReportAllocs()
			b.ResetTimer()
			reports.Store(0)
			<-done
			b.StopTimer()
		})
	}
}
