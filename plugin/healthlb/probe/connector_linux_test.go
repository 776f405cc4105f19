//go:build !386 && !s390x

package probe

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// elsewhere runs the test again in a process of its own, and returns true there. It skips the test if the process may not be started so,
// unless HEALTHLB_NEEDS_NETWORK is set.
func elsewhere(t *testing.T, attr *syscall.SysProcAttr) bool {
	t.Helper()
	const mark = "HEALTHLB_ELSEWHERE"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*enough)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) && os.Getenv("HEALTHLB_NEEDS_NETWORK") == "" {
		t.Skip("only root can make network namespaces, in which this is tested:", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// inNamespace runs the test again in a network of its own, with a loopback interface that is up, and returns true there.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if !elsewhere(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}) {
		return false
	}
	ip(t, "link", "set", "lo", "up")
	return true
}

// ip runs the command of that name.
func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
}

func TestConnectingWhereRoutesAreBad(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, kind := range []string{"prohibit", "blackhole", "unreachable", "throw"} {
		ip(t, "route", "add", kind, map[string]string{
			"prohibit": "192.0.2.1", "blackhole": "192.0.2.2", "unreachable": "192.0.2.3", "throw": "192.0.2.4",
		}[kind])
	}
	ip(t, "link", "add", "near", "type", "veth", "peer", "name", "far")
	ip(t, "addr", "add", "192.0.2.129/25", "dev", "near")
	ip(t, "link", "set", "near", "up")
	ip(t, "link", "set", "far", "up")
	for dst, want := range map[string]Result{
		"192.0.2.1:80":     fail("permission denied"),
		"192.0.2.2:80":     fail("invalid argument"),
		"192.0.2.3:80":     fail("no route to host"),
		"192.0.2.200:80":   fail("no route to host"), // after seconds: nobody there answers ARP
		"192.0.2.4:80":     inconclusive("cannot probe: no route to the member's network"),
		"192.0.2.5:80":     inconclusive("cannot probe: no route to the member's network"),
		"[2001:db8::1]:80": inconclusive("cannot probe: no route to the member's network"),
	} {
		t.Run(dst, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, opts Options) {
				t.Parallel()
				r := once(t, opts, hourly(to(netip.MustParseAddrPort(dst))))
				if r.Outcome != want.Outcome || r.Reason != want.Reason {
					t.Errorf("got %v %q, want %v %q", r.Outcome, r.Reason, want.Outcome, want.Reason)
				}
			})
		})
	}
}

// Where the only port that the kernel can choose is the one that is probed, the probe would connect to itself.
func TestProbeDoesNotConnectToItself(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40001 40001"), 0); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"127.0.0.1:40001", "[::1]:40001"} {
		r := once(t, Options{}, hourly(to(netip.MustParseAddrPort(addr))))
		if r.Outcome != health.Fail || r.Reason != "connection refused" {
			t.Errorf("%s: got %v %q, want fail, connection refused", addr, r.Outcome, r.Reason)
		}
	}
}

func TestProbesInTheLoopAllocateNothing(t *testing.T) {
	routes := []Route{to(drained(t)), to(unused(t, "127.0.0.1:0"))}
	s := NewScheduler(Options{})
	defer s.Close()
	var results atomic.Int64
	often := Target{Interval: 100 * time.Millisecond, Timeout: enough, Confirm: time.Millisecond}
	for i := range 20 {
		often.Route = routes[i%2]
		s.Add(often, justConnect, Report(func(Result) bool { results.Add(1); return true }), true)
	}
	count := func(n int64) (mallocs uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		end := results.Load() + n
		until(t, "probed", func() bool { return results.Load() >= end })
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	count(1000)
	if n := count(5000); n > 500 {
		t.Errorf("%d allocations in 5000 probes", n)
	}
}

// drained is a member that accepts and closes without allocating memory.
func drained(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 128); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, _, errno := syscall.Syscall6(syscall.SYS_ACCEPT4, uintptr(fd), 0, 0, 0, 0, 0)
			switch errno {
			case 0:
				syscall.Close(int(conn))
			case syscall.EINTR, syscall.ECONNABORTED:
			default:
				return
			}
		}
	})
	t.Cleanup(func() {
		syscall.Shutdown(fd, syscall.SHUT_RDWR)
		running.Wait()
		syscall.Close(fd)
	})
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*syscall.SockaddrInet4).Port))
}

func TestOutOfDescriptors(t *testing.T) {
	if !elsewhere(t, nil) {
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 256, Max: 256}); err != nil {
		t.Fatal(err)
	}
	dst := member(t, "127.0.0.1:0", silent)
	eachWay(t, func(t *testing.T, opts Options) {
		s := NewScheduler(opts)
		defer s.Close()
		var files []*os.File
		defer func() {
			for _, f := range files {
				f.Close()
			}
		}()
		for {
			f, err := os.Open(os.DevNull)
			if err != nil {
				break
			}
			files = append(files, f)
		}
		results := make(chan Result, 100)
		e := s.Add(hourly(to(dst)), justConnect, Report(func(r Result) bool { results <- r; return false }), true)
		e.SetTripwire(true)
		want := "cannot probe: too many open files"
		if r := <-results; r.Outcome != health.Inconclusive || r.Reason != want {
			t.Errorf("got %v %q, want inconclusive %q", r.Outcome, r.Reason, want)
		}
	})
}
