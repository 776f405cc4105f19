package test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The soak: so many pools of so many members each, of whom so many come or go each second, in so many processes.
const (
	soakPools     = 100
	soakMembers   = 200
	soakFlips     = 200
	soakProcesses = 4
	soakLook      = 5 * time.Second // between two looks
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

	// What counts is the least that is seen in a while: probes are under way at any moment.
	settled, end := length/3, time.Now().Add(length)
	var was, is resources
	for began := time.Now(); time.Now().Before(end); {
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
		time.Sleep(soakLook)
	}
	t.Logf("in the second third: %v; in the last: %v", was, is)
	must(t, want(is.heap < was.heap*1.15+4e6, "the heap has grown from %.0f to %.0f bytes", was.heap, is.heap))
	must(t, want(is.resident < was.resident*1.15+16e6, "the process has grown from %.0f to %.0f bytes", was.resident, is.resident))
	must(t, want(is.descriptors <= was.descriptors+64, "%.0f descriptors have become %.0f", was.descriptors, is.descriptors))
	must(t, want(is.goroutines <= was.goroutines+64, "%.0f goroutines have become %.0f", was.goroutines, is.goroutines))
}

// flapping are members that come and go, in processes of their own: one process may not open so many files. Pool i is probed at a port of
// its own.
type flapping struct {
	ports [soakPools]string
}

func newFlapping(t *testing.T) *flapping {
	t.Helper()
	f := &flapping{}
	for i := range f.ports {
		f.ports[i] = freePort(t)
	}
	for part := range slices.Chunk(f.ports[:], soakPools/soakProcesses) {
		members := exec.Command(os.Args[0], "-test.run", "^TestSoakMembers$", "-test.count", "1", "-test.timeout", "0")
		members.Env = append(os.Environ(), "HEALTHLB_SOAK_PORTS="+strings.Join(part, " "), "HEALTHLB_COREDNS="+binary, "HEALTHLB_CTL="+ctl)
		members.Stderr = os.Stderr
		stop, err := members.StdinPipe() // its end is theirs
		must(t, err)
		must(t, members.Start())
		t.Cleanup(func() {
			stop.Close()
			check(t, members.Wait())
		})
	}
	return f
}

// TestSoakMembers is a process of members.
func TestSoakMembers(t *testing.T) {
	ports := strings.Fields(os.Getenv("HEALTHLB_SOAK_PORTS"))
	if len(ports) == 0 {
		t.Skip("it is started by TestSoak")
	}
	open := map[string]net.Listener{} // by address and port
	for _, port := range ports {
		for j := range soakMembers {
			turn(t, open, j, port)
		}
	}
	ended := make(chan struct{})
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		close(ended)
	}()
	flips := time.NewTicker(time.Second * soakProcesses / soakFlips)
	for {
		select {
		case <-flips.C:
			turn(t, open, rand.IntN(soakMembers), ports[rand.IntN(len(ports))])
		case <-ended:
			return
		}
	}
}

func soakAddress(j int) string { return fmt.Sprintf("127.40.%d.%d", j/100, j%100+1) }

// turn has a member come or go.
func turn(t *testing.T, open map[string]net.Listener, j int, port string) {
	t.Helper()
	at := net.JoinHostPort(soakAddress(j), port)
	if l := open[at]; l != nil {
		l.Close()
		delete(open, at)
		return
	}
	l, err := net.Listen("tcp", at)
	must(t, err)
	open[at] = l
	go hold(l)
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
	b.WriteString("lb.example.org:{dns} {\n bind 127.0.0.1\n errors\n pprof 127.0.0.1:{pprof}\n healthlb {\n")
	for i, port := range f.ports {
		fmt.Fprintf(&b, "  pool p%d.lb.example.org {\n   check tcp %s\n", i, port)
		if i%2 == 1 {
			b.WriteString("   tripwire\n")
		}
		for j := range soakMembers {
			fmt.Fprintf(&b, "   member %s\n", soakAddress(j))
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

// resources looks at the process, after a collection. It does not ask for the metrics: for 20,000 members they are work of their own.
func (s *coredns) resources() (r resources, err error) {
	heap, err := s.profile("heap?gc=1&debug=1", `(?m)^# HeapAlloc = (\d+)$`)
	if err != nil {
		return r, err
	}
	goroutines, err := s.profile("goroutine?debug=1", `^goroutine profile: total (\d+)`)
	if err != nil {
		return r, err
	}
	process := fmt.Sprintf("/proc/%d/", s.cmd.Process.Pid)
	status, err := os.ReadFile(process + "status")
	if err != nil {
		return r, err
	}
	resident, err := number(string(status), `(?m)^VmRSS:\s+(\d+) kB$`)
	if err != nil {
		return r, err
	}
	files, err := os.ReadDir(process + "fd")
	return resources{heap, resident * 1024, float64(len(files)), goroutines}, err
}

// profile returns a number that a profile of the process tells.
func (s *coredns) profile(name, pattern string) (float64, error) {
	answer, err := http.Get("http://127.0.0.1:" + s.ports["pprof"] + "/debug/pprof/" + name)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	return number(string(body), pattern)
}

func number(text, pattern string) (float64, error) {
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("there is no %s", pattern)
	}
	return strconv.ParseFloat(found[1], 64)
}
