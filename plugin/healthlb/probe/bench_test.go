package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// BenchmarkCheck is the cost of one probe that passes. The member is in the same process, so that its part is counted too.
func BenchmarkCheck(b *testing.B) {
	ca := newAuthority(b)
	server := &tls.Config{Certificates: []tls.Certificate{ca.issue(time.Now().Add(time.Hour), right)}}
	verified, err := NewTLS(0, TLSOptions{ServerName: right, CAFile: ca.file})
	if err != nil {
		b.Fatal(err)
	}
	plain, encrypted := member(b, "127.0.0.1:0", says("220 ready\r\n")), member(b, "127.0.0.1:0", speaksTLS(server))
	for _, bm := range []struct {
		name  string
		check Check
		dst   netip.AddrPort
	}{
		{"tcp", NewTCP(0, TCPOptions{}), plain},
		{"tcp expect", NewTCP(0, TCPOptions{Expect: []byte("220 ")}), plain},
		{"tls", verified, encrypted},
	} {
		b.Run(bm.name, func(b *testing.B) { mustKeepPassing(b, bm.check, bm.dst) })
	}
}

// mustKeepPassing probes a member again and again.
func mustKeepPassing(b *testing.B, c Check, dst netip.AddrPort) {
	b.ReportAllocs()
	for probe := passes(b, c, dst); b.Loop(); {
		probe()
	}
}

// passes returns what probes a member once, which must pass.
func passes(b *testing.B, c Check, dst netip.AddrPort) func() {
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), enough)
		if r := c.Probe(ctx, Route{To: dst}); r.Outcome != health.Pass {
			b.Fatal(r.Reason)
		}
		cancel()
	}
}

// BenchmarkAddStop adds 10,000 targets and stops them.
func BenchmarkAddStop(b *testing.B) {
	const targets = 10_000
	hourly := Target{Interval: time.Hour, Timeout: time.Second, Confirm: time.Second}
	for _, first := range []bool{true, false} {
		b.Run(fmt.Sprintf("first=%v", first), func(b *testing.B) {
			s := NewScheduler(Options{})
			defer s.Close()
			entries := make([]*Entry, targets)
			for b.Loop() {
				for i := range entries {
					entries[i] = s.Add(hourly, fake(pass), Report(func(Result) bool { return false }), first)
				}
				for _, e := range entries {
					e.Stop()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/targets, "ns/target")
		})
	}
}
