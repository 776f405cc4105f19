package bench

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	roundPools   = 30
	roundMembers = 1000 // in each
)

// BenchmarkFirstRound starts the binary with 30,000 members that accept connections, and tells when it answers, which is when the first
// round of probes is over. Then it reloads with 30,000 other targets while a client asks one query after the other, and tells how long
// these took. The members are this process. Use -benchtime=1x.
func BenchmarkFirstRound(b *testing.B) {
	first, second := acceptor(b), acceptor(b)
	for b.Loop() {
		b.ReportMetric(0, "ns/op")
		began := time.Now()
		s := start(b, roundBlock(first))
		b.ReportMetric(time.Since(began).Seconds(), "s-to-first-answer")

		corefile := s.cmd.Args[len(s.cmd.Args)-1]
		text, err := os.ReadFile(corefile)
		if err != nil {
			b.Fatal(err)
		}
		text = []byte(strings.ReplaceAll(string(text), "check tcp "+first, "check tcp "+second))
		if err := os.WriteFile(filepath.Clean(corefile), text, 0o600); err != nil {
			b.Fatal(err)
		}
		before := s.latencies(b, 2*time.Second)
		if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
			b.Fatal(err)
		}
		during := s.latencies(b, 5*time.Second)
		for name, l := range map[string][]time.Duration{"before": before, "reload": during} {
			b.ReportMetric(float64(l[len(l)*99/100].Microseconds())/1000, name+"-p99-ms")
			b.ReportMetric(float64(l[len(l)-1].Microseconds())/1000, name+"-max-ms")
		}
		s.cmd.Process.Kill()
	}
}

// acceptor accepts connections at all loopback addresses, on a port of its own.
func acceptor(b *testing.B) (port string) {
	b.Helper()
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// roundBlock is a healthlb block with many members, the pool www.example.org among the pools.
func roundBlock(port string) string {
	var w strings.Builder
	w.WriteString("healthlb {\n  interval 10s\n  check tcp " + port + "\n")
	for i := range roundPools {
		name := "www"
		if i > 0 {
			name = fmt.Sprintf("p%d", i)
		}
		fmt.Fprintf(&w, "  pool %s.example.org {\n", name)
		for j := range roundMembers {
			fmt.Fprintf(&w, "   member 127.%d.%d.%d\n", 1+i, j/250, 1+j%250)
		}
		w.WriteString("  }\n")
	}
	return w.String() + " }"
}

// latencies asks one query after the other for a while, 1,000 a second at most, and returns in order how long each took.
func (s *server) latencies(b *testing.B, d time.Duration) (took []time.Duration) {
	b.Helper()
	conn, err := dns.Dial("udp", s.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	q := new(dns.Msg)
	q.SetQuestion("www.example.org.", dns.TypeA)
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Millisecond) {
		sent := time.Now()
		conn.SetDeadline(sent.Add(5 * time.Second))
		if err := conn.WriteMsg(q); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.ReadMsg(); err != nil {
			s.cmd.Process.Kill()
			s.cmd.Wait()
			b.Fatalf("%v\n%s\n%s", err, s.cmd.ProcessState, s.log)
		}
		took = append(took, time.Since(sent))
	}
	slices.Sort(took)
	return took
}
