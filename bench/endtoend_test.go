package bench

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// server is a CoreDNS process of the binary that make build made.
type server struct {
	addr string
	cmd  *exec.Cmd
	log  *bytes.Buffer // to be read when the process has ended
}

// binary is the binary that is measured.
func binary(b *testing.B) string {
	b.Helper()
	path := os.Getenv("HEALTHLB_COREDNS")
	if path == "" {
		path = "../bin/coredns"
	}
	if _, err := os.Stat(path); err != nil {
		b.Skipf("%v: run make build first", err)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		b.Fatal(err)
	}
	return path
}

// start runs CoreDNS with the plugins given for the zone example.org, until the benchmark ends.
func start(b *testing.B, plugins string) *server {
	b.Helper()
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &server{addr: free.LocalAddr().String()}
	free.Close()
	_, port, _ := net.SplitHostPort(s.addr)
	corefile := filepath.Join(b.TempDir(), "Corefile")
	text := fmt.Sprintf("example.org:%s {\n bind 127.0.0.1\n %s\n}\n", port, plugins)
	if err := os.WriteFile(corefile, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	s.log = new(bytes.Buffer)
	s.cmd = exec.Command(binary(b), "-conf", corefile)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		q := new(dns.Msg)
		q.SetQuestion("www.example.org.", dns.TypeA)
		if m, err := dns.Exchange(q, s.addr); err == nil && m.Response && m.Rcode == dns.RcodeSuccess { // and not our own query, at a port that nobody has yet
			return s
		}
		if time.Now().After(deadline) {
			s.cmd.Process.Kill()
			s.cmd.Wait()
			b.Fatalf("CoreDNS does not answer: %s", s.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// tick is the unit of the times in /proc, see proc_pid_stat(5): 1/100 s on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpu returns the CPU time that the process has used, user and system.
func (s *server) cpu(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		b.Skip(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

// burst is how many queries a client has under way at once: enough to keep the server busy, so that what is measured is its work, and
// not how it falls asleep and wakes.
const burst = 32

// load asks the same question for a while, by four clients, and returns how many answers came.
func (s *server) load(b *testing.B, d time.Duration) int64 {
	b.Helper()
	q := new(dns.Msg)
	q.SetQuestion("www.example.org.", dns.TypeA)
	wire, err := q.Pack()
	if err != nil {
		b.Fatal(err)
	}
	var answers atomic.Int64
	var clients sync.WaitGroup
	end := time.Now().Add(d)
	for range 4 {
		clients.Go(func() {
			conn, err := net.Dial("udp", s.addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			conn.SetReadDeadline(end.Add(time.Second))
			buf := make([]byte, 512)
			for time.Now().Before(end) {
				for range burst {
					if _, err := conn.Write(wire); err != nil {
						b.Error(err)
						return
					}
				}
				for range burst {
					if _, err := conn.Read(buf); err != nil {
						b.Error(err)
						return
					}
				}
				answers.Add(burst)
			}
		})
	}
	clients.Wait()
	return answers.Load()
}

// BenchmarkEndToEnd measures the CPU time that the binary takes for a query over UDP: for a pool of 4 members, and, for comparison in the
// same run, for *whoami*, CoreDNS's smallest back end. The two take turns, so that a machine that is busy for a while is busy for both.
func BenchmarkEndToEnd(b *testing.B) {
	members := "member 127.0.0.1\n member 127.0.0.2\n member 127.0.0.3\n member 127.0.0.4\n"
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	check := fmt.Sprintf("check tcp %d\n", l.Addr().(*net.TCPAddr).Port)
	names := []string{"whoami", "healthlb"}
	servers := map[string]*server{
		"whoami":   start(b, "whoami"),
		"healthlb": start(b, "healthlb {\n pool www.example.org {\n "+members+check+" }\n }"),
	}
	const rounds, round = 6, 2 * time.Second
	used, answers := map[string]time.Duration{}, map[string]int64{}
	for b.Loop() {
		for range rounds {
			for _, name := range names {
				before := servers[name].cpu(b)
				answers[name] += servers[name].load(b, round)
				used[name] += servers[name].cpu(b) - before
			}
		}
	}
	b.ReportMetric(0, "ns/op") // a round takes what it is given
	for _, name := range names {
		b.ReportMetric(float64(used[name].Microseconds())/float64(answers[name]), name+"-cpu-us/query")
		b.ReportMetric(float64(answers[name])/(rounds*round.Seconds())/float64(b.N), name+"-queries/s")
	}
}
