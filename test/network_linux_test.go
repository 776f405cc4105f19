package test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// The network of these tests: this process is in a network namespace of its own, and so are the members, on the other end of a cable.
const (
	nearAddr  = "10.99.0.1"
	farAddr   = "10.99.0.2"
	farAddr2  = "10.99.0.3"
	farPort   = "8080"
	loneAddr  = "127.42.0.1" // a member on this end
	inNetwork = "HEALTHLB_NETWORK"
)

// TestNetworkTrouble runs the tests in networkTests, each in namespaces of its own, since ports and routes there are nobody else's. It
// needs to be root; where HEALTHLB_NEEDS_NETWORK is set, not being allowed to is a failure.
func TestNetworkTrouble(t *testing.T) {
	if name := os.Getenv(inNetwork); name != "" {
		networkTests[name](t)
		return
	}
	t.Parallel()
	for name := range networkTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			self := exec.Command(os.Args[0], "-test.run", "^TestNetworkTrouble$", "-test.v", "-test.count", "1", "-test.timeout", "5m")
			self.Env = append(os.Environ(), inNetwork+"="+name, "HEALTHLB_COREDNS="+binary, "HEALTHLB_CTL="+ctl)
			self.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
			out, err := self.CombinedOutput()
			if errors.Is(err, syscall.EPERM) && os.Getenv("HEALTHLB_NEEDS_NETWORK") == "" {
				t.Skip("only root can make network namespaces, in which this is tested:", err)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

var networkTests = map[string]func(*testing.T){
	"unreachable": networkUnreachable,
	"isolation":   networkIsolation,
}

// network is the cable with the members on its far end.
type network struct {
	far string // the process that holds the members' namespace
}

// layCable makes the members' namespace and the cable to it.
func layCable(t *testing.T) *network {
	t.Helper()
	held := exec.Command(os.Args[0], "-test.run", "^TestFarMembers$", "-test.count", "1")
	held.Env = append(os.Environ(), inNetwork+"=far", "HEALTHLB_COREDNS="+binary, "HEALTHLB_CTL="+ctl)
	held.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	stop, err := held.StdinPipe() // its end is theirs
	must(t, err)
	must(t, held.Start())
	t.Cleanup(func() {
		stop.Close()
		_ = held.Wait()
	})
	n := &network{strconv.Itoa(held.Process.Pid)}
	n.near(t, "link set lo up")
	n.near(t, "link add near type veth peer name far netns "+n.far)
	n.near(t, "addr add "+nearAddr+"/24 dev near")
	n.near(t, "link set near up")
	n.farther(t, "link set lo up")
	n.farther(t, "addr add "+farAddr+"/24 dev far")
	n.farther(t, "addr add "+farAddr2+"/24 dev far")
	n.farther(t, "link set far up")
	eventually(t, func() error {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(farAddr, farPort), time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	})
	return n
}

// TestFarMembers is the process of the members on the far end.
func TestFarMembers(t *testing.T) {
	if os.Getenv(inNetwork) != "far" {
		t.Skip("it is started by TestNetworkTrouble")
	}
	l, err := net.Listen("tcp", ":"+farPort)
	must(t, err)
	go hold(l)
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// near runs ip on this end.
func (n *network) near(t *testing.T, words string) {
	t.Helper()
	mustRun(t, append([]string{"ip"}, strings.Fields(words)...))
}

// farther runs ip on the members' end.
func (n *network) farther(t *testing.T, words string) {
	t.Helper()
	mustRun(t, append([]string{"nsenter", "-t", n.far, "-n", "ip"}, strings.Fields(words)...))
}

func mustRun(t *testing.T, words []string) {
	t.Helper()
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", words, err, out)
	}
}

// states waits until the far members and the lone one have these states, the first of the far ones for a reason with these words.
func (s *coredns) states(t *testing.T, reason, far, far2, lone string) {
	t.Helper()
	eventually(t, func() error {
		got := []string{}
		for _, addr := range []string{farAddr, farAddr2, loneAddr} {
			got = append(got, s.shownAddress(t, addr).State)
		}
		first := s.shownAddress(t, farAddr)
		said := first.Reason + " " + first.Checks[0].Reason
		return errors.Join(want(fmt.Sprint(got) == fmt.Sprint([]string{far, far2, lone}), "states %v, want %s %s %s", got, far, far2, lone),
			want(strings.Contains(said, reason), "reason %q, want %q", said, reason))
	})
}

// shownAddress is an address of the pool www as the API tells it.
func (s *coredns) shownAddress(t *testing.T, addr string) api.Address {
	t.Helper()
	for _, m := range s.shown(t, "www.lb.example.org").Members {
		for _, a := range m.Addresses {
			if a.Address == addr {
				return a
			}
		}
	}
	t.Fatalf("the pool has no %s", addr)
	return api.Address{}
}

// networkUnreachable has members cut off in every way that a network knows.
func networkUnreachable(t *testing.T) {
	n := layCable(t)
	here, err := net.Listen("tcp", net.JoinHostPort(loneAddr, farPort))
	must(t, err)
	defer here.Close()
	go hold(here)
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {far}
			member 10.99.0.2
			member 10.99.0.3
			member 127.42.0.1
		}`), "{far}", farPort)

	s.states(t, "", "up", "up", "up")
	all := []string{farAddr, farAddr2, loneAddr}
	named := func(addrs ...string) {
		t.Helper()
		eventually(t, func() error { return s.dig(t, "www.lb.example.org").names(addrs...) })
	}
	named(all...)

	t.Log("their answers are dropped")
	n.farther(t, "route add blackhole "+nearAddr+"/32")
	s.states(t, "timeout", "down", "down", "up")
	named(loneAddr)
	n.farther(t, "route del blackhole "+nearAddr+"/32")
	s.states(t, "", "up", "up", "up")
	named(all...)

	t.Log("their interface is down")
	n.farther(t, "link set far down")
	s.states(t, "", "down", "down", "up")
	named(loneAddr)
	n.farther(t, "link set far up")
	s.states(t, "", "up", "up", "up")
	named(all...)

	t.Log("a router says that one of them cannot be reached")
	n.near(t, "route add unreachable "+farAddr+"/32")
	s.states(t, "no route to host", "down", "up", "up")
	named(farAddr2, loneAddr)
	n.near(t, "route del unreachable "+farAddr+"/32")
	s.states(t, "", "up", "up", "up")

	// What follows is this responder's own trouble, and says nothing about members.
	t.Log("this responder's interface is down")
	n.near(t, "link set near down")
	s.states(t, "cannot probe: no route", "up", "up", "up")
	named(all...)
	n.near(t, "link set near up")
	s.states(t, "", "up", "up", "up")
	eventually(t, func() error {
		return want(s.shownAddress(t, farAddr).Checks[0].Reason == "", "it still fails")
	})

	t.Log("this responder has no route")
	n.near(t, "route del 10.99.0.0/24")
	s.states(t, "cannot probe: no route", "up", "up", "up")
	named(all...)
	n.near(t, "route add 10.99.0.0/24 dev near src "+nearAddr)
	eventually(t, func() error {
		return want(s.shownAddress(t, farAddr).Checks[0].Reason == "", "it still fails")
	})
	s.states(t, "", "up", "up", "up")
}

// networkIsolation cuts the responder off from most of its members at once.
func networkIsolation(t *testing.T) {
	n := layCable(t)
	here, err := net.Listen("tcp", net.JoinHostPort(loneAddr, farPort))
	must(t, err)
	defer here.Close()
	go hold(here)
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin}
		isolation 50%
		check tcp {far}
		pool www.lb.example.org {
			member 10.99.0.2
			member 127.42.0.1
		}
		pool api.lb.example.org {
			member 10.99.0.3
			member 127.42.0.1
		}`, "prometheus 127.0.0.1:{metrics}"), "{far}", farPort)
	both := func(want string) func() error {
		return func() error {
			www, api := s.dig(t, "www.lb.example.org"), s.dig(t, "api.lb.example.org")
			return errors.Join(www.names(farAddr, loneAddr), api.names(farAddr2, loneAddr), isEDE(www, want), isEDE(api, want))
		}
	}
	eventually(t, both(""))

	n.farther(t, "route add blackhole "+nearAddr+"/32")
	eventually(t, both("isolated"))
	failed := func() float64 { return s.metrics(t)[`coredns_healthlb_probes_total{kind="tcp",result="fail"}`] }
	for since := failed(); failed() < since+20; { // it stays so
		must(t, both("isolated")())
	}
	must(t, want(s.metrics(t)["coredns_healthlb_isolated"] == 1, "the metric does not say isolated"))

	n.farther(t, "route del blackhole "+nearAddr+"/32")
	eventually(t, both(""))
	must(t, want(s.metrics(t)["coredns_healthlb_isolated"] == 0, "the metric says isolated"))
}

func isEDE(r reply, text string) error {
	return want(text == "" && r.ede == "" || text != "" && strings.Contains(r.ede, text), "EDE %q, want %q", r.ede, text)
}
