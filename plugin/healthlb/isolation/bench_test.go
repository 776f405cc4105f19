package isolation

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

const benchTargets = 100_000

func benchGuard() (g *Guard, targets []*Target) {
	g = New(Rule{Share: 0.6}, func() {})
	for i := range benchTargets {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 443)
		targets = append(targets, g.Add(What{To: to, Check: "tcp"}, 6*time.Second, fmt.Sprint("p", i/100)))
	}
	for _, t := range targets {
		t.Result(false, moment, moment)
	}
	return g, targets
}

// BenchmarkPass is what a result costs while all is well, in as many goroutines as there are processors.
func BenchmarkPass(b *testing.B) {
	_, targets := benchGuard()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			targets[i%benchTargets].Result(false, moment, moment)
		}
	})
}

// BenchmarkCut is what a result costs, on average, while all of 100,000 targets fail one after another, and then pass again. It tells the
// longest, too: isolation begins and ends with one.
func BenchmarkCut(b *testing.B) {
	_, targets := benchGuard()
	now := moment
	var longest time.Duration
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%benchTargets == 0 {
			now = now.Add(time.Minute)
		}
		now = now.Add(50 * time.Microsecond)
		began := time.Now()
		targets[i%benchTargets].Result(i/benchTargets%2 == 0, now, now)
		longest = max(longest, time.Since(began))
	}
	b.ReportMetric(float64(longest.Microseconds()), "longest-us")
}

// BenchmarkMemory tells what a guarded target takes.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		g, _ := benchGuard()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/benchTargets, "B/target")
		runtime.KeepAlive(g)
	}
}
