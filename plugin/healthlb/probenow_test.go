package healthlb

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/health"
)

const www = "www.example.org."

// unprobed returns a hub with a pool www that no schedule probes.
func unprobed(t *testing.T, lines ...string) *hub {
	t.Helper()
	h, _ := showing(t, "healthlb {\npool www.example.org {\n"+strings.Join(lines, "\n")+"\n}\n}")
	return h
}

// probed has members probed.
func probed(t *testing.T, h *hub, id string) api.Probes {
	t.Helper()
	probes, err := h.Probe(t.Context(), www, id)
	if err != nil {
		t.Fatal(err)
	}
	return probes
}

// shown is what was found, a line for each probe, with the names of its steps and without times and local ports.
func shown(probes api.Probes) (lines []string) {
	for _, p := range probes.Probes {
		line := fmt.Sprintf("%s %s %s %s: %s", p.Member, p.Family, p.Address, p.Check, p.Result)
		if p.Reason != "" {
			line += ", " + p.Reason
		}
		for _, s := range p.Steps {
			line += "; " + s.Step
		}
		lines = append(lines, line)
	}
	return lines
}

func wantShown(t *testing.T, probes api.Probes, want ...string) {
	t.Helper()
	if got := shown(probes); !reflect.DeepEqual(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, p := range probes.Probes {
		sum := 0.0
		for _, s := range p.Steps {
			if sum += s.Took; s.Took < 0 || s.Step == "connect" && !strings.HasPrefix(s.Detail, "from ") {
				t.Errorf("%s %s: step %+v", p.Member, p.Address, s)
			}
		}
		if p.Took <= 0 || sum > p.Took {
			t.Errorf("%s %s took %v, and its steps %v", p.Member, p.Address, p.Took, sum)
		}
	}
}

func TestProbeFindsWhatThereIs(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	six := newMember(t, fmt.Sprintf("[::1]:%d", m.port()))
	other := newMember(t, "127.0.0.1:0")
	port, second := m.port(), other.port()
	h := unprobed(t, fmt.Sprintf("check tcp %d\ncheck tcp %d send hello", port, second),
		"member 192.0.2.2 id b probe_address 127.0.0.2", "member 127.0.0.1 ::1 id a")
	probes := probed(t, h, "")
	wantShown(t, probes,
		fmt.Sprintf("b A 127.0.0.2:%d tcp %d: fail, connection refused", port, port),
		fmt.Sprintf("b A 127.0.0.2:%d tcp %d send \"hello\": fail, connection refused", second, second),
		fmt.Sprintf("a A 127.0.0.1:%d tcp %d: pass; connect", port, port),
		fmt.Sprintf("a A 127.0.0.1:%d tcp %d send \"hello\": pass; connect; send", second, second),
		fmt.Sprintf("a AAAA [::1]:%d tcp %d: pass; connect", port, port),
		fmt.Sprintf("a AAAA [::1]:%d tcp %d send \"hello\": fail, connection refused", second, second),
	)
	if probes.Passed || probes.Pool != www {
		t.Errorf("passed %v, pool %s", probes.Passed, probes.Pool)
	}
	eventually(t, "each listener was connected to once", func() bool {
		return m.accepted.Load() == 1 && six.accepted.Load() == 1 && other.accepted.Load() == 1
	})

	one := unprobed(t, fmt.Sprintf("check tcp %d\nmember 127.0.0.2 id b\nmember 127.0.0.1 id a", port))
	if probes = probed(t, one, "a"); !probes.Passed {
		t.Error("a alone has not passed")
	}
	wantShown(t, probes, fmt.Sprintf("a A 127.0.0.1:%d tcp %d: pass; connect", port, port))
	if probes = probed(t, unprobed(t, "dynamic"), ""); !probes.Passed || probes.Probes == nil || len(probes.Probes) > 0 {
		t.Errorf("of no member: %+v", probes)
	}
}

// newTLSMember is a server whose certificate is for a name, and a file with that certificate.
func newTLSMember(t *testing.T, name string) (port int, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	serveEach(t, l, func(conn net.Conn) {
		_ = conn.(*tls.Conn).HandshakeContext(t.Context()) // who refuses the certificate makes it fail
	})
	return l.Addr().(*net.TCPAddr).Port, file
}

// serveEach serves each connection in a goroutine of its own, until the end of the test.
func serveEach(t *testing.T, l net.Listener, serve func(net.Conn)) {
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(t.Context(), func() { conn.Close() })()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
}

func TestProbeOverTLS(t *testing.T) {
	port, ca := newTLSMember(t, "other.example.org")
	h := unprobed(t, fmt.Sprintf("check tls %d ca %s\ncheck tls %d sni other.example.org ca %s\nmember 127.0.0.1 id a", port, ca, port, ca))
	probes := probed(t, h, "").Probes
	for i, want := range []struct{ result, reason, steps string }{
		{"fail", "certificate is for other.example.org, not www.example.org", "connect certificate"}, {"pass", "", "connect handshake certificate"},
	} {
		p, steps := probes[i], []string{}
		for _, s := range p.Steps {
			steps = append(steps, s.Step)
		}
		if p.Result != want.result || p.Reason != want.reason || strings.Join(steps, " ") != want.steps || p.NotAfter == nil || !p.NotAfter.After(time.Now()) {
			t.Errorf("found %+v, want %+v", p, want)
		}
	}
	if probes[0].Check == probes[1].Check {
		t.Errorf("both checks are %s", probes[0].Check)
	}
}

func TestProbeRefuses(t *testing.T) {
	many := make([]string, mostProbed+1)
	for i := range many {
		many[i] = fmt.Sprintf("member 127.1.%d.%d probe_address 127.0.0.1", i/250, i%250+1)
	}
	m := newMember(t, "127.0.0.1:0")
	h := unprobed(t, append(many, fmt.Sprintf("check tcp %d", m.port()))...)
	wantProblem := func(status int, want string, name, id string) {
		t.Helper()
		var problem *admin.Problem
		if _, err := h.Probe(t.Context(), name, id); !errors.As(err, &problem) || problem.Status != status || !strings.Contains(problem.Detail, want) {
			t.Errorf("got %v, want %d: %s", err, status, want)
		}
	}
	wantProblem(404, "there is no pool nobody.example.org.", "nobody.example.org.", "")
	wantProblem(404, "has no member nobody", www, "nobody")
	wantProblem(400, "has 1001 members, and at most 1000 are probed by one call: name one", www, "")
	if probes := probed(t, h, "127.1.0.1"); !probes.Passed || len(probes.Probes) != 1 {
		t.Errorf("one of many: %+v", probes)
	}
	h.probing.Lock()
	wantProblem(409, "another call has members probed", www, "127.1.0.1")
	h.probing.Unlock()
	probed(t, h, "127.1.0.1")
	if _, err := newHub().Probe(t.Context(), www, ""); err == nil {
		t.Error("a hub without a generation has probed")
	}
}

// TestProbesAtOnce has more members than are probed at once, each of which waits for as many others as it can have.
func TestProbesAtOnce(t *testing.T) {
	lines := []string{"interval 1h", "timeout 20s"}
	for i := range cap(errandPlaces) * 3 {
		lines = append(lines, fmt.Sprintf("member 192.0.2.%d probe_address 127.0.0.1", i+1))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	now, most, together := 0, 0, make(chan struct{})
	serveEach(t, l, func(conn net.Conn) {
		mu.Lock()
		if now++; now == cap(errandPlaces) && most < now {
			close(together)
		}
		most = max(most, now)
		mu.Unlock()
		select {
		case <-together:
		case <-t.Context().Done():
			return
		}
		mu.Lock()
		now-- // before the member is heard: then the next one comes
		mu.Unlock()
		_, _ = conn.Write([]byte("ready"))
		_, _ = conn.Read(make([]byte, 1))
	})
	h := unprobed(t, append(lines, fmt.Sprintf("check tcp %d expect ready", l.Addr().(*net.TCPAddr).Port))...)
	probes := probed(t, h, "")
	if !probes.Passed || len(probes.Probes) != cap(errandPlaces)*3 {
		t.Errorf("%d probes, passed: %v", len(probes.Probes), probes.Passed)
	}
	if mu.Lock(); most != cap(errandPlaces) {
		t.Errorf("%d at once, want %d", most, cap(errandPlaces))
	}
	mu.Unlock()
	for i, p := range probes.Probes {
		if want := fmt.Sprintf("192.0.2.%d", i+1); p.Member != want {
			t.Errorf("probe %d is of %s, want %s", i, p.Member, want)
		}
	}
}

// TestProbeIsCutOff ends a call while a member hangs, and others have not been probed.
func TestProbeIsCutOff(t *testing.T) {
	lines := []string{"interval 1h", "timeout 30m"}
	for i := range cap(errandPlaces) + 10 {
		lines = append(lines, fmt.Sprintf("member 192.0.2.%d probe_address 127.0.0.1", i+1))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	serveEach(t, l, func(conn net.Conn) {
		cancel()
		_, _ = conn.Read(make([]byte, 1))
	})
	h := unprobed(t, append(lines, fmt.Sprintf("check tcp %d expect ready", l.Addr().(*net.TCPAddr).Port))...)
	probes, err := h.Probe(ctx, www, "")
	if err != nil || probes.Passed || len(probes.Probes) != cap(errandPlaces)+10 {
		t.Fatalf("%v, %+v", err, probes)
	}
	for _, p := range probes.Probes {
		if p.Result != health.Inconclusive.String() || p.Reason != "cut off: all probes of a call have 25s, and this one was not over" || p.Steps == nil {
			t.Errorf("%+v", p)
		}
	}
}

// A probe that takes longer than the pool's timeout has failed.
func TestProbeTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveEach(t, l, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) })
	port := l.Addr().(*net.TCPAddr).Port
	h := unprobed(t, fmt.Sprintf("timeout 50ms\nmember 127.0.0.1\ncheck tcp %d expect ready", port))
	p := probed(t, h, "").Probes[0]
	if p.Result != "fail" || !strings.HasPrefix(p.Reason, "timeout after ") || len(p.Steps) != 1 || p.Steps[0].Step != "connect" {
		t.Errorf("found %+v", p)
	}
}

// TestProbeChangesNothing has members probed whose results differ from what is known of them, one blocked and one drained.
func TestProbeChangesNothing(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	for _, addr := range []string{"127.0.0.2", "127.0.0.3"} {
		newMember(t, fmt.Sprintf("%s:%d", addr, m.port()))
	}
	gone := newMember(t, fmt.Sprintf("127.0.0.4:%d", m.port()))
	i := startInstance(t, corefile("state "+t.TempDir(), poolText("www", m, "interval 1h", "timeout 1s", "failures 1", "rise 1",
		"member 127.0.0.2 id b", "member 127.0.0.3 id c", "member 127.0.0.4 id d", "member 127.0.0.5 id e")))
	if _, err := theHub.ChangeBlocklist(add(omitEntry("127.0.0.2/32"))); err != nil {
		t.Fatal(err)
	}
	if _, err := theHub.Drain(www, "c", api.DrainSpec{}, admin.Order{}); err != nil {
		t.Fatal(err)
	}
	gone.Close()
	newMember(t, fmt.Sprintf("127.0.0.5:%d", m.port()))

	look := func() (any, []string, float64) {
		p, _ := theHub.Pool(www)
		for _, member := range p.Members {
			for a := range member.Addresses {
				address := &member.Addresses[a]
				address.ShareServed, address.Answers, address.LastAnswered, address.SafeAfter = 0, 0, nil, time.Time{} // of the lookups
			}
		}
		return p, i.lookup(t, www), probesCounted("tcp")
	}
	pool, answer, counted := look()
	events, _ := theHub.events.History(0)
	probes := probed(t, theHub, "")
	want := []string{}
	for n, id := range []string{"127.0.0.1", "b", "c", "d", "e"} {
		result := "pass; connect"
		if id == "d" {
			result = "fail, connection refused"
		}
		want = append(want, fmt.Sprintf("%s A 127.0.0.%d:%d tcp %d: %s", id, n+1, m.port(), m.port(), result))
	}
	wantShown(t, probes, want...)
	poolAfter, answerAfter, countedAfter := look()
	if !reflect.DeepEqual(pool, poolAfter) || len(answer) != len(answerAfter) || counted != countedAfter {
		t.Errorf("was\n%+v, answered with %v, %v probes\nis\n%+v, answered with %v, %v probes", pool, answer, counted, poolAfter, answerAfter, countedAfter)
	}
	if after, _ := theHub.events.History(0); len(after) != len(events) {
		t.Errorf("events: %+v", after[len(events):])
	}
}

// probesCounted is how many probes of a kind have been counted, whatever their result.
func probesCounted(kind string) (n float64) {
	for o := health.Pass; o <= health.Inconclusive; o++ {
		n += testutil.ToFloat64(probesTotal.WithLabelValues(kind, o.String()))
	}
	return n
}

func TestMustPass(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	other := newMember(t, fmt.Sprintf("127.0.0.2:%d", m.port()))
	h := unprobed(t, "dynamic", fmt.Sprintf("check tcp %d\ncheck tcp %d send x", m.port(), other.port()))
	if err := h.mustPass(t.Context(), www, "a", api.MemberSpec{Addresses: []string{"127.0.0.1"}}); err != nil {
		t.Error(err)
	}
	var problem *admin.Problem
	err := h.mustPass(t.Context(), www, "a", api.MemberSpec{Addresses: []string{"127.0.0.3", "::1"}, ProbeAddresses: []string{"127.0.0.2"}})
	want := fmt.Sprintf("member a does not pass its checks, and was not added: tcp at [::1]:%d: connection refused; tcp at [::1]:%d: connection refused", m.port(), m.port())
	if !errors.As(err, &problem) || problem.Status != 422 || problem.Detail != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
