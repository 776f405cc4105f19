package test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The soak: so many pools of so many members each, of whom so many come or go each second.
const (
	soakPools   = 100
	soakMembers = 200
	soakFlips   = 200
)

// TestSoak has 20,000 targets flap at random for as long as HEALTHLB_SOAK says, and wants memory, descriptors and goroutines not to grow.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("HEALTHLB_SOAK"))
	if err != nil {
		t.Skip("set HEALTHLB_SOAK to a duration, or run make soak")
	}
	flapping := newFlapping(t)
	s := startCoreDNS(t, flapping.corefile())
	eventually(t, func() error {
		_, err := s.resources()
		return err
	})

	// What counts is the least that is seen in a while: between collections the heap grows, and probes are under way at any moment.
	settled, end := length/3, time.Now().Add(length)
	var was, is resources
	for began := time.Now(); time.Now().Before(end); {
		flapping.flip(t)
		flapping.ask(t, s)
		r, err := s.resources()
		must(t, err)
		switch age := time.Since(began); {
		case age < settled:
		case age < settled*2:
			was = was.least(r)
		default:
			is = is.least(r)
		}
		time.Sleep(time.Second)
	}
	t.Logf("in the second third: %v; in the last: %v; flips: %d", was, is, flapping.flips)
	must(t, want(is.heap < was.heap*1.15+4e6, "the heap has grown from %.0f to %.0f bytes", was.heap, is.heap))
	must(t, want(is.resident < was.resident*1.15+16e6, "the process has grown from %.0f to %.0f bytes", was.resident, is.resident))
	must(t, want(is.descriptors <= was.descriptors+64, "%.0f descriptors have become %.0f", was.descriptors, is.descriptors))
	must(t, want(is.goroutines <= was.goroutines+64, "%.0f goroutines have become %.0f", was.goroutines, is.goroutines))
}

// flapping are members that come and go. Pool i is probed at a port of its own.
type flapping struct {
	ports [soakPools]string
	open  map[string]net.Listener // by address and port
	flips int
}

func newFlapping(t *testing.T) *flapping {
	t.Helper()
	f := &flapping{open: map[string]net.Listener{}}
	t.Cleanup(func() {
		for _, l := range f.open {
			l.Close()
		}
	})
	for i := range f.ports {
		f.ports[i] = freePort(t)
		for j := range soakMembers {
			f.turn(t, i, j)
		}
	}
	return f
}

func (f *flapping) address(j int) string { return fmt.Sprintf("127.40.%d.%d", j/100, j%100+1) }

// turn has a member come or go.
func (f *flapping) turn(t *testing.T, i, j int) {
	t.Helper()
	at := net.JoinHostPort(f.address(j), f.ports[i])
	if l := f.open[at]; l != nil {
		l.Close()
		delete(f.open, at)
		return
	}
	l, err := net.Listen("tcp", at)
	must(t, err)
	f.open[at] = l
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
}

func (f *flapping) flip(t *testing.T) {
	t.Helper()
	for range soakFlips {
		f.turn(t, rand.IntN(soakPools), rand.IntN(soakMembers))
		f.flips++
	}
}

// ask wants an answer for some of the pools.
func (f *flapping) ask(t *testing.T, s *coredns) {
	t.Helper()
	for range 10 {
		q := new(dns.Msg)
		q.SetQuestion(fmt.Sprintf("p%d.lb.example.org.", rand.IntN(soakPools)), dns.TypeA)
		c := dns.Client{Timeout: pollFor}
		m, _, err := c.Exchange(q, "127.0.0.1:"+s.ports["dns"])
		must(t, err)
		must(t, want(m.Rcode == dns.RcodeSuccess && len(m.Answer) > 0, "%v", m))
	}
}

// corefile has every second pool hold tripwires.
func (f *flapping) corefile() string {
	var b strings.Builder
	b.WriteString("lb.example.org:{dns} {\n bind 127.0.0.1\n errors\n prometheus 127.0.0.1:{metrics}\n healthlb {\n")
	for i, port := range f.ports {
		fmt.Fprintf(&b, "  pool p%d.lb.example.org {\n   check tcp %s\n", i, port)
		if i%2 == 1 {
			b.WriteString("   tripwire\n")
		}
		for j := range soakMembers {
			fmt.Fprintf(&b, "   member %s\n", f.address(j))
		}
		b.WriteString("  }\n")
	}
	b.WriteString(" }\n}\n")
	return b.String()
}

// resources are what a process has.
type resources struct{ heap, resident, descriptors, goroutines float64 }

func (r resources) String() string {
	return fmt.Sprintf("heap %.1f MB, resident %.1f MB, descriptors %.0f, goroutines %.0f", r.heap/1e6, r.resident/1e6, r.descriptors, r.goroutines)
}

// least returns the lesser of each. The zero value is nothing yet.
func (r resources) least(other resources) resources {
	if r == (resources{}) {
		return other
	}
	return resources{min(r.heap, other.heap), min(r.resident, other.resident), min(r.descriptors, other.descriptors), min(r.goroutines, other.goroutines)}
}

var resourceLine = regexp.MustCompile(`(?m)^(go_memstats_heap_alloc_bytes|process_resident_memory_bytes|process_open_fds|go_goroutines) (\S+)$`)

func (s *coredns) resources() (r resources, err error) {
	answer, err := http.Get("http://127.0.0.1:" + s.ports["metrics"] + "/metrics")
	if err != nil {
		return r, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return r, err
	}
	found := resourceLine.FindAllStringSubmatch(string(body), -1)
	for _, line := range found {
		n, err := strconv.ParseFloat(line[2], 64)
		if err != nil {
			return r, err
		}
		switch line[1] {
		case "go_memstats_heap_alloc_bytes":
			r.heap = n
		case "process_resident_memory_bytes":
			r.resident = n
		case "process_open_fds":
			r.descriptors = n
		default:
			r.goroutines = n
		}
	}
	return r, want(len(found) == 4, "of four metrics there are %d", len(found))
}
