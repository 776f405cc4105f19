//go:build !386 && !s390x

package probe

import (
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

// inNamespace runs the test again in a network of its own, with a loopback interface that is up, and returns true there.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a network namespace")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no ip command to set routes with")
	}
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
	for dst, want := range map[string]Result{
		"192.0.2.1:80":     fail("permission denied"),
		"192.0.2.2:80":     fail("invalid argument"),
		"192.0.2.3:80":     fail("no route to host"),
		"192.0.2.4:80":     inconclusive("cannot probe: no route to the member's network"),
		"192.0.2.5:80":     inconclusive("cannot probe: no route to the member's network"),
		"[2001:db8::1]:80": inconclusive("cannot probe: no route to the member's network"),
	} {
		t.Run(dst, func(t *testing.T) {
			eachWay(t, func(t *testing.T, opts Options) {
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
		s.Add(often, justConnect, func(Result) bool { results.Add(1); return true }, true)
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
