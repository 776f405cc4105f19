package bench

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.org/healthlb/internal/backlog"
	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/probe"
)

const (
	probeTargets  = 10_000
	probeInterval = 5 * time.Second
	probeTimeout  = probeInterval / 4 // the default for this interval
	probeFor      = 15 * time.Second
	probeHosts    = 100 // the targets share that many listeners, each on an address of its own
)

// BenchmarkHangingMembers runs 10,000 new tcp targets at an interval of 5 s for 15 s, of which a tenth hangs, and tells how late the probes
// begin. It runs as long as it runs: use -benchtime=1x. Members and prober are one process, so that half of the CPU time is the members'.
func BenchmarkHangingMembers(b *testing.B) {
	for _, bm := range []struct {
		name    string
		hanging int // percent of the targets
		hang    func(testing.TB) netip.AddrPort
		check   probe.Check
	}{
		{"connect", 10, backlogFull, probe.NewTCP(0, probe.TCPOptions{})},
		{"expect", 10, silentMember, probe.NewTCP(0, probe.TCPOptions{Expect: []byte("220 ")})},
	} {
		b.Run(bm.name, func(b *testing.B) {
			addrs := make([]netip.AddrPort, probeHosts)
			for i := range addrs {
				addrs[i] = greetingMember(b, fmt.Sprintf("127.0.%d.1:0", i+1))
			}
			var hanging netip.AddrPort
			if bm.hang != nil {
				hanging = bm.hang(b)
			}
			target := func(i int) netip.AddrPort {
				if i%100 < bm.hanging {
					return hanging
				}
				return addrs[i%probeHosts]
			}
			for b.Loop() {
				runProbes(b, bm.check, target)
			}
		})
	}
}

func runProbes(b *testing.B, check probe.Check, target func(i int) netip.AddrPort) {
	var lags samples
	var outcomes [4]atomic.Int64
	s := probe.NewScheduler(probe.Options{OnLag: lags.add})
	defer s.Close()
	report := func(r probe.Result) bool {
		outcomes[r.Outcome].Add(1)
		return false
	}

	before := heapInUse()
	for i := range probeTargets {
		s.Add(probe.Target{
			Route: probe.Route{To: target(i)}, Check: check.Key(), Interval: probeInterval, Timeout: probeTimeout, Confirm: time.Second,
		}, check, probe.Report(report), true)
	}
	b.ReportMetric(float64(heapInUse()-before)/probeTargets, "B/idle-target")

	cpu := cpuUsed()
	time.Sleep(probeFor)
	cpu = cpuUsed() - cpu
	inFlight := s.InFlight()
	s.Close()

	late := lags.sorted()
	n := len(late)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(0, "ns/op") // the time it was told to run, which says nothing
	b.ReportMetric(ms(late[n/2]), "lag-p50-ms")
	b.ReportMetric(ms(late[n*99/100]), "lag-p99-ms")
	b.ReportMetric(ms(late[n-1]), "lag-max-ms")
	b.ReportMetric(float64(cpu.Microseconds())/float64(n), "cpu-µs/probe")
	b.ReportMetric(float64(n)/probeFor.Seconds(), "probes/s")
	b.ReportMetric(float64(inFlight), "in-flight")
	for _, o := range []health.Outcome{health.Pass, health.Fail, health.Inconclusive} {
		b.ReportMetric(float64(outcomes[o].Load()), o.String())
	}
}

// samples collects durations from many goroutines.
type samples struct {
	mu  sync.Mutex
	all []time.Duration
}

func (s *samples) add(d time.Duration) {
	s.mu.Lock()
	s.all = append(s.all, d)
	s.mu.Unlock()
}

func (s *samples) sorted() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.all)
	return s.all
}

// greetingMember listens on addr, and says "220 ready" to whoever connects.
func greetingMember(tb testing.TB, addr string) netip.AddrPort {
	return memberAt(tb, addr, func(conn net.Conn) { conn.Write([]byte("220 ready\r\n")) })
}

// silentMember accepts connections and says nothing.
func silentMember(tb testing.TB) netip.AddrPort {
	return memberAt(tb, "127.1.0.1:0", func(net.Conn) {})
}

// memberAt listens on addr, greets each connection, and waits for the prober to end it.
func memberAt(tb testing.TB, addr string, greet func(net.Conn)) netip.AddrPort {
	tb.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				greet(conn)
				conn.Read(make([]byte, 1))
			})
		}
	})
	tb.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// backlogFull returns the address of a listener that drops SYNs.
func backlogFull(tb testing.TB) netip.AddrPort {
	tb.Helper()
	return backlog.Full(tb, "127.1.0.2")
}

// heapInUse is how many bytes the heap holds after a collection.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// cpuUsed is how long this process has kept processors busy, in the kernel too.
func cpuUsed() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
