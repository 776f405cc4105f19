package peer

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestMemberFails has a member fail in each way, and come back.
func TestMemberFails(t *testing.T) {
	at := netip.AddrPortFrom(netip.MustParseAddr("127.91.0.1"), freePort(t))
	m := startMember(t, at)
	get := func(timeout time.Duration) error {
		client := http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true}}
		reply, err := client.Get("http://" + at.String())
		if err == nil {
			reply.Body.Close()
		}
		return err
	}
	if err := get(10 * time.Second); err != nil {
		t.Fatal(err)
	}

	if err := m.Hang(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); get(200*time.Millisecond) == nil; { // the signal takes its time
		if time.Now().After(end) {
			t.Fatal("a member that hangs answers")
		}
	}
	conn, err := net.DialTimeout("tcp", at.String(), 10*time.Second)
	if err != nil {
		t.Fatal("the host of a member that hangs takes no connection:", err)
	}
	conn.Close()
	if err := m.Wake(); err != nil {
		t.Fatal(err)
	}
	if err := get(10 * time.Second); err != nil {
		t.Fatal(err)
	}

	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	<-m.p.Ended()
	if get(time.Second) == nil {
		t.Error("a member that was killed answers")
	}
	if err := m.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := get(10 * time.Second); err != nil {
		t.Fatal(err)
	}
}

// TestWatchersLeaveOut starts each server that is installed, and expects it to leave out a member that refuses connections, and one that
// hangs.
func TestWatchersLeaveOut(t *testing.T) {
	binary := os.Getenv("HEALTHLB_COREDNS")
	if binary == "" {
		binary = "../../bin/coredns"
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Skipf("%v: run make build first", err)
	}
	port := freePort(t)
	dead, hung, well := netip.MustParseAddr("127.92.0.1"), netip.MustParseAddr("127.92.0.2"), netip.MustParseAddr("127.92.0.3")
	startMember(t, netip.AddrPortFrom(well, port))
	if err := startMember(t, netip.AddrPortFrom(hung, port)).Hang(); err != nil {
		t.Fatal(err)
	}
	for _, w := range []Watcher{
		WatchHealthlb("healthlb", "interval 1s"),
		WatchHealthlb("healthlb with tripwires", "interval 1s", "tripwire"),
		WatchGdnsd("gdnsd", "interval 2", "timeout 1"),
		WatchPowerDNS("PowerDNS", 1),
	} {
		t.Run(w.Name, func(t *testing.T) {
			if _, err := w.Find(); w.Command != "" && err != nil {
				t.Skip(err)
			}
			task := Watch{Binary: binary, Dir: t.TempDir(), Port: freePort(t), Members: port, Pools: []WatchedPool{
				{Name: "dead", Members: []netip.Addr{dead, well}},
				{Name: "hung", Members: []netip.Addr{hung, well}, HTTP: true},
			}}
			p, err := w.Watch(task)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Stop()
			at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), task.Port)
			for _, pool := range task.Pools {
				err := WaitReply(p, at, Question(pool.Name+".example.org", dns.TypeA), 30*time.Second, func(reply *dns.Msg) error {
					if len(reply.Answer) != 1 || reply.Answer[0].(*dns.A).A.String() != well.String() {
						return fmt.Errorf("want %v alone in:\n%v", well, reply)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func startMember(t *testing.T, at netip.AddrPort) *Member {
	t.Helper()
	m, err := StartMember(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Kill() })
	return m
}

func freePort(t *testing.T) uint16 {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
