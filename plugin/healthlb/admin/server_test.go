package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestAddressInUse(t *testing.T) {
	s := serve(t, Settings{}, new(fake))
	_, err := Listen(mustLoad(t, Settings{Network: "tcp", Address: s.Addr().String()}), new(fake))
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), s.Addr().String()) {
		t.Errorf("error %v", err)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	settings := Settings{Network: "unix", Address: path}
	s, err := Listen(mustLoad(t, settings), new(fake))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	f := new(fake)
	s.Configure(mustLoad(t, settings), f)
	clientOf(t, s).do(t, "PUT", "/v1/blocklist", "").want(t, 200)
	want := "the unix socket"
	if runtime.GOOS == "linux" {
		want = fmt.Sprintf("uid %d through the unix socket", os.Getuid())
	}
	if f.last().By != want {
		t.Errorf("by %q", f.last().By)
	}

	_, err = Listen(mustLoad(t, settings), new(fake))
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), path) {
		t.Errorf("a second one: %v", err)
	}
	closeServer(t, s)
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as kill -9 leaves it
	l.Close()
	s := serve(t, Settings{Network: "unix", Address: path}, new(fake))
	clientOf(t, s).do(t, "GET", "/v1/pools", "").want(t, 200)
}

func TestWhatIsNoSocketStays(t *testing.T) {
	path := writeFile(t, t.TempDir(), "s", "precious")
	if _, err := Listen(mustLoad(t, Settings{Network: "unix", Address: path}), new(fake)); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("error %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "precious" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestSocketOfAnotherStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, err := Listen(mustLoad(t, Settings{Network: "unix", Address: path}), new(fake))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	closeServer(t, s)
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestCloseIsGraceful(t *testing.T) {
	f := &fake{entered: make(chan struct{}), proceed: make(chan struct{})}
	s, err := Listen(mustLoad(t, Settings{}), f)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	got := make(chan error)
	go func() {
		r, err := c.try("GET", "/v1/pools", "")
		if err == nil && r.StatusCode != 200 {
			err = errors.New(r.Status)
		}
		got <- err
	}()
	<-f.entered
	closed := make(chan struct{})
	go func() { defer close(closed); closeServer(t, s) }()
	<-s.ended // nobody is let in any more
	close(f.proceed)
	if err := <-got; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	<-closed
}

func TestCloseIsHardInTheEnd(t *testing.T) {
	f := &fake{entered: make(chan struct{}), proceed: make(chan struct{})}
	s, err := Listen(mustLoad(t, Settings{}), f)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() { _, err := clientOf(t, s).try("GET", "/v1/pools", ""); got <- err }()
	<-f.entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := <-got; err == nil {
		t.Error("the request got an answer")
	}
	close(f.proceed)
}

func TestConfigureUnderLoadLosesNoRequest(t *testing.T) {
	dir := t.TempDir()
	both := readToken + "\n" + operateToken + "\n"
	endpoints := []*Endpoint{
		mustLoad(t, Settings{}),
		mustLoad(t, Settings{TokenFile: writeFile(t, dir, "tokens", both), Hosts: []string{"a.example"}}),
	}
	s := serve(t, Settings{}, new(fake))
	stop, done := make(chan struct{}), make(chan bool)
	var wg sync.WaitGroup
	for range 4 {
		c := clientOf(t, s)
		wg.Go(func() {
			for {
				r, err := c.try("PUT", "/v1/blocklist", "192.0.2.1", "Authorization: Bearer "+operateToken)
				ok := err == nil && r.StatusCode == 200
				if !ok {
					t.Errorf("lost: %v, %v %s", err, r.Response, r.body)
				}
				select {
				case done <- ok:
				case <-stop:
					return
				}
			}
		})
	}
	for i := range 100 {
		backend := new(fake)
		s.Configure(endpoints[i%2], backend)
		for len(backend.last().Entries) == 0 && <-done { // requests go on until one has met the new backend
		}
	}
	close(stop)
	wg.Wait()
}

// rawConn is one connection, on which requests follow each other.
type rawConn struct {
	net.Conn
	*bufio.Reader
}

func dialRaw(t *testing.T, s *Server) rawConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return rawConn{conn, bufio.NewReader(conn)}
}

// get sends one request, and reads its answer.
func (c rawConn) get(t *testing.T) *http.Response {
	t.Helper()
	if _, err := c.Write([]byte("GET /v1/pools HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res
}

func (c rawConn) Read(b []byte) (int, error) { return c.Reader.Read(b) }

func TestSwitchToTLSAndBack(t *testing.T) {
	ca := newAuthority(t, "ca")
	dir := t.TempDir()
	withTLS := secured(t, dir, ca)
	withCA := withTLS
	withCA.ClientCA = writeFile(t, dir, "ca", ca.pem())
	s := serve(t, Settings{}, new(fake))

	first, second := dialRaw(t, s), dialRaw(t, s)
	for _, conn := range []rawConn{first, second} {
		if res := conn.get(t); res.StatusCode != 200 || res.Close {
			t.Fatalf("plain: %v", res)
		}
	}

	s.Configure(mustLoad(t, withTLS), new(fake))
	if res := first.get(t); res.StatusCode != 200 || !res.Close { // its request is not lost, and the next one comes over TLS
		t.Errorf("on the old connection: %v", res)
	}
	secure := overTLS(t, s, ca)
	secure.do(t, "GET", "/v1/pools", "").want(t, 200)

	s.Configure(mustLoad(t, withCA), new(fake))
	if res := second.get(t); res.StatusCode != 403 || !res.Close { // nobody gets in by being early
		t.Errorf("on the old connection: %v", res)
	}
	secure.do(t, "GET", "/v1/pools", "").problem(t, 403)

	s.Configure(mustLoad(t, withTLS), new(fake))
	secure.do(t, "GET", "/v1/pools", "").want(t, 200)
	s.Configure(mustLoad(t, Settings{}), new(fake))
	if r := secure.do(t, "GET", "/v1/pools", ""); r.StatusCode != 200 || !r.Close {
		t.Errorf("on the old connection with TLS: %v", r)
	}
	clientOf(t, s).do(t, "GET", "/v1/pools", "").want(t, 200)
}
