package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	first  = netip.MustParseAddr("127.0.0.11")
	second = netip.MustParseAddr("127.0.0.12")
)

// demo is a demo with one member that runs and one that is dead, and a client that trusts its CA.
type demo struct {
	t       *testing.T
	port    uint16
	control *httptest.Server
	pool    *x509.CertPool
}

func newDemo(t *testing.T) *demo {
	authority, err := newCA()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sub", "ca.pem")
	if err := authority.write(file); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the CA's file holds no certificate")
	}

	port := freePort(t)
	members, err := newMembers(authority, []string{"www.lb.example.org"}, port, []netip.Addr{first}, []netip.Addr{second})
	if err != nil {
		t.Skip("no second loopback address here:", err)
	}
	control := httptest.NewServer(members.control())
	t.Cleanup(func() {
		control.Close()
		for _, addr := range members.all {
			_ = members.stop(addr)
		}
	})
	return &demo{t, port, control, pool}
}

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) uint16 {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).AddrPort().Port()
}

// ask returns a member's page, or false when the member is dead.
func (s *demo) ask(member netip.Addr) (string, bool) {
	client := http.Client{
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: s.pool, ServerName: "www.lb.example.org"},
			DisableKeepAlives: true,
		},
		Timeout: 5 * time.Second,
	}
	response, err := client.Get("https://" + netip.AddrPortFrom(member, s.port).String())
	if err != nil {
		return "", false
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(page), true
}

func (s *demo) post(path string) (int, string) {
	response, err := http.Post(s.control.URL+path, "", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(page)
}

func TestMembersStopAndStart(t *testing.T) {
	s := newDemo(t)
	if page, ok := s.ask(first); !ok || !strings.Contains(page, "member 127.0.0.11") {
		t.Fatalf("the running member says %q", page)
	}
	if _, ok := s.ask(second); ok {
		t.Error("the dead member answers")
	}
	for range 2 { // what is so already stays so
		if code, page := s.post("/stop/127.0.0.11"); code != 200 || !strings.Contains(page, "127.0.0.11  stopped") {
			t.Errorf("stop: %d %q", code, page)
		}
		if _, ok := s.ask(first); ok {
			t.Error("a stopped member answers")
		}
	}
	for range 2 {
		if code, page := s.post("/start/127.0.0.12"); code != 200 || !strings.Contains(page, "127.0.0.12  running") {
			t.Errorf("start: %d %q", code, page)
		}
		if page, ok := s.ask(second); !ok || !strings.Contains(page, "member 127.0.0.12") {
			t.Errorf("the started member says %q", page)
		}
	}
}

func TestControlKnowsOnlyItsMembers(t *testing.T) {
	s := newDemo(t)
	for _, path := range []string{"/start/127.0.0.99", "/stop/nonsense", "/kill/127.0.0.11"} {
		if code, _ := s.post(path); code != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, code)
		}
	}
	response, err := http.Get(s.control.URL + "/stop/127.0.0.11")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode == http.StatusOK {
		t.Error("GET stops a member")
	}
}

func TestControlIsOnLoopbackOnly(t *testing.T) {
	if err := serveControl("0.0.0.0:0", &members{}); err == nil {
		t.Error("control listens on every address")
	}
}
