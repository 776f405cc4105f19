package healthlb

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"
	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	order := dnsserver.Directives
	if err := dnsserver.SetDirectives(slices.Insert(slices.Clone(order), slices.Index(order, "transfer")+1, "healthlb")); err != nil {
		panic(err)
	}
	dnsserver.Quiet, caddy.Quiet = true, true
	goleak.VerifyTestMain(m)
}

// member is a server that accepts connections, and counts them.
type member struct {
	net.Listener
	accepted atomic.Int64
}

func newMember(t *testing.T, addr string) *member {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{Listener: l}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			m.accepted.Add(1)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return m
}

func (m *member) port() int { return m.Addr().(*net.TCPAddr).Port }

// instance is CoreDNS in this process.
type instance struct {
	*caddy.Instance
	dir string
}

func (i *instance) input(corefile string) caddy.CaddyfileInput {
	return caddy.CaddyfileInput{Contents: []byte(corefile), Filepath: filepath.Join(i.dir, "Corefile"), ServerTypeName: "dns"}
}

func startInstance(t *testing.T, corefile string) *instance {
	t.Helper()
	i := &instance{dir: t.TempDir()}
	var err error
	if i.Instance, err = caddy.Start(i.input(corefile)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		i.settle(t)
		for _, err := range i.ShutdownCallbacks() {
			t.Error(err)
		}
		if err := i.Stop(); err != nil {
			t.Error(err)
		}
		theHub.sweep()
		if n := len(theHub.atWork()); n != 0 {
			t.Errorf("%d generations are left", n)
		}
	})
	return i
}

// settle waits until the servers serve: caddy does not stop those that have not begun to, and leaks them.
func (i *instance) settle(t *testing.T) {
	t.Helper()
	q := new(dns.Msg)
	q.SetQuestion("example.org.", dns.TypeSOA)
	for _, addr := range []net.Addr{i.Servers()[0].LocalAddr(), i.Servers()[0].Addr()} { // with port 0, UDP and TCP have one each
		c := dns.Client{Net: addr.Network(), Timeout: 10 * time.Second}
		if _, _, err := c.Exchange(q, addr.String()); err != nil {
			t.Fatal(err)
		}
	}
}

// reload gives CoreDNS another Corefile, as SIGUSR1 does.
func (i *instance) reload(t *testing.T, corefile string) error {
	t.Helper()
	i.settle(t)
	next, err := i.Restart(i.input(corefile))
	if err == nil {
		i.Instance = next
	}
	return err
}

// lookup asks the instance for a name's A records.
func (i *instance) lookup(t *testing.T, name string) []string {
	t.Helper()
	q := new(dns.Msg)
	q.SetQuestion(name, dns.TypeA)
	m, err := dns.Exchange(q, i.Servers()[0].LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(data(m))
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited until %s", what)
		}
		time.Sleep(5 * time.Millisecond) // between two looks at a condition
	}
}

func corefile(pools ...string) string {
	return "example.org:0 {\n bind 127.0.0.1\n healthlb {\n interval 100ms\n" + strings.Join(pools, "\n") + "\n}\n}\n"
}

func poolText(name string, m *member, lines ...string) string {
	return fmt.Sprintf("pool %s.example.org {\n member 127.0.0.1\n check tcp %d\n %s\n}", name, m.port(), strings.Join(lines, "\n"))
}

func TestFirstAnswerIsRight(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	i := startInstance(t, corefile(poolText("www", m, "member 127.0.0.2")))
	if got := i.lookup(t, "www.example.org."); !slices.Equal(got, []string{"127.0.0.1"}) {
		t.Errorf("the first answer names %v, want the one who is up", got)
	}
}

func TestReloadKeepsState(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	i := startInstance(t, corefile(poolText("www", m, "interval 1h", "member 127.0.0.2")))
	before, _ := theHub.Pool("www.example.org.")
	eventually(t, "the first probe is counted", func() bool { return m.accepted.Load() == 1 })
	accepted := m.accepted.Load()
	if err := i.reload(t, corefile(poolText("www", m, "interval 30m", "failures 5", "member 127.0.0.2", "member 127.0.0.1 id new port 9"), poolText("api", m))); err == nil {
		t.Fatal("one address twice in a pool was accepted")
	}
	if err := i.reload(t, corefile(poolText("www", m, "interval 30m", "failures 5", "member 127.0.0.2"), poolText("api", m, "interval 50m"))); err != nil {
		t.Fatal(err)
	}
	after, _ := theHub.Pool("www.example.org.")
	for n := range before.Members {
		was, is := before.Members[n].Addresses[0], after.Members[n].Addresses[0]
		if was.State != is.State || !was.Since.Equal(is.Since) {
			t.Errorf("%s was %s since %s, is %s since %s", was.Address, was.State, was.Since, is.State, is.Since)
		}
	}
	if got := i.lookup(t, "api.example.org."); len(got) != 1 {
		t.Errorf("the new pool answers %v", got)
	}
	eventually(t, "the new pool's probe is counted", func() bool { return m.accepted.Load() > accepted })
	if n := m.accepted.Load(); n != accepted+1 {
		t.Errorf("%d probes for the reload, want only the new pool's", n-accepted)
	}
}

func TestBadReloadChangesNothing(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	i := startInstance(t, corefile(poolText("www", m)))
	generations := theHub.atWork()
	_, busy, _ := net.SplitHostPort(m.Addr().String())
	for what, text := range map[string]string{
		"a word that is not known": corefile(poolText("www", m, "colour blue")),
		"a port that is in use":    strings.Replace(corefile(poolText("other", m)), ":0", ":"+busy, 1),
		"an unknown directive":     "example.org:0 {\n colour blue\n}\n",
	} {
		if err := i.reload(t, text); err == nil {
			t.Errorf("%s: the reload succeeded", what)
		}
		if now := theHub.atWork(); !slices.Equal(now, generations) {
			t.Errorf("%s: generations %v, before %v", what, now, generations)
		}
		if got := i.lookup(t, "www.example.org."); !slices.Equal(got, []string{"127.0.0.1"}) {
			t.Errorf("%s: www is answered with %v", what, got)
		}
	}
	accepted := m.accepted.Load()
	eventually(t, "probing goes on", func() bool { return m.accepted.Load() > accepted+2 })
}

// TestNothingIsLeft checks that a Corefile without healthlb leaves nothing of it behind: no generation, and, at the end of all tests, no
// goroutine.
func TestNothingIsLeft(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	i := startInstance(t, corefile(poolText("www", m)))
	if err := i.reload(t, "example.org:0 {\n bind 127.0.0.1\n}\n"); err != nil {
		t.Fatal(err)
	}
	if n := len(theHub.atWork()); n != 0 {
		t.Errorf("%d generations are left", n)
	}
	if err := i.reload(t, corefile(poolText("www", m))); err != nil {
		t.Fatal(err)
	}
	if got := i.lookup(t, "www.example.org."); !slices.Equal(got, []string{"127.0.0.1"}) {
		t.Errorf("after coming back: %v", got)
	}
}

func TestOwnEndpointInTheWay(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	i := startInstance(t, corefile(fmt.Sprintf("admin 127.0.0.1:%d", port), poolText("www", m)))
	err = i.reload(t, corefile(fmt.Sprintf("admin localhost:%d", port), poolText("www", m)))
	if err == nil || !strings.Contains(err.Error(), "this CoreDNS has it itself") {
		t.Errorf("got %v, want an error that says who has the port", err)
	}
}

func TestManyReloads(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	i := startInstance(t, corefile(poolText("www", m)))
	for n := range 20 {
		if err := i.reload(t, corefile(poolText("www", m, fmt.Sprintf("failures %d", n+1)), poolText(fmt.Sprint("p", n), m))); err != nil {
			t.Fatal(err)
		}
	}
	theHub.mu.Lock()
	targets, probed := len(theHub.targets), theHub.scheduler.Len()
	theHub.mu.Unlock()
	if targets != 1 || probed != 1 {
		t.Errorf("%d targets, %d probed; want one, which all pools share", targets, probed)
	}
}

func TestMembersFile(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	dir := t.TempDir()
	file := filepath.Join(dir, "members")
	write := func(text string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(file+".new", []byte(text), 0o600), os.Rename(file+".new", file)); err != nil {
			t.Fatal(err)
		}
	}
	write("127.0.0.1\n")
	i := startInstance(t, corefile(fmt.Sprintf("pool www.example.org {\n members %s\n check tcp %d\n all_down nodata\n}", file, m.port())))
	newMember(t, fmt.Sprintf("127.0.0.2:%d", m.port()))
	write("127.0.0.2 id second # the new one\n")
	eventually(t, "the file's new member is answered with", func() bool {
		return slices.Equal(i.lookup(t, "www.example.org."), []string{"127.0.0.2"})
	})
	// A file that replaces everybody never leaves the pool without an answer from someone who is up.
	newMember(t, fmt.Sprintf("127.0.0.3:%d", m.port()))
	write("127.0.0.3\n")
	eventually(t, "the file's new member is answered with", func() bool {
		got := i.lookup(t, "www.example.org.")
		if len(got) != 1 || got[0] == "[SOA]" {
			t.Errorf("meanwhile the answer is %v", got)
		}
		return slices.Equal(got, []string{"127.0.0.3"})
	})
	// Nor is a file that is replaced all the time overlooked.
	eventually(t, "the file that never rests is taken over", func() bool {
		write("127.0.0.2\n")
		return slices.Equal(i.lookup(t, "www.example.org."), []string{"127.0.0.2"})
	})
	write("127.0.0.2\nno address\n")
	eventually(t, "the bad file is seen", func() bool { return theHub.pool("www.example.org.").Stats().FileErrors.Load() > 0 })
	if got := i.lookup(t, "www.example.org."); !slices.Equal(got, []string{"127.0.0.2"}) {
		t.Errorf("after a bad file: %v, want the old list", got)
	}
}
