package admin

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestStandardLimitsAreSet(t *testing.T) {
	s := serve(t, Settings{}, new(fake))
	h := s.http
	if h.ReadHeaderTimeout != 5*time.Second || h.ReadTimeout != 30*time.Second || h.WriteTimeout != 30*time.Second || h.IdleTimeout != time.Minute ||
		h.MaxHeaderBytes != 16<<10 || standard.connections != 2048 {
		t.Errorf("limits %+v", standard)
	}
}

// short serves with limits that tests can wait for.
func short(t *testing.T, settings Settings, change func(*limits)) *Server {
	t.Helper()
	limit := standard
	change(&limit)
	s, err := listen(mustLoad(t, settings), new(fake), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s) })
	return s
}

func TestSlowHeaderIsCutOff(t *testing.T) {
	s := short(t, Settings{}, func(l *limits) { l.header = 50 * time.Millisecond })
	conn := dialRaw(t, s)
	if _, err := conn.Write([]byte("GET /v1/pools HTTP/1.1\r\nHost: localhost\r\n")); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, conn)
}

func TestSlowBodyIsAnsweredAndCutOff(t *testing.T) {
	s := short(t, Settings{}, func(l *limits) { l.read = 100 * time.Millisecond })
	conn := dialRaw(t, s)
	if _, err := conn.Write([]byte("PUT /v1/blocklist HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n192")); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(conn.Reader, nil)
	if err != nil || res.StatusCode != http.StatusRequestTimeout || !res.Close {
		t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	wantEnd(t, conn)
}

func TestIdleConnectionIsClosed(t *testing.T) {
	s := short(t, Settings{}, func(l *limits) { l.idle = 50 * time.Millisecond })
	conn := dialRaw(t, s)
	if res := conn.get(t); res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	wantEnd(t, conn)
}

// wantEnd reads until the server closes the connection.
func wantEnd(t *testing.T, conn io.Reader) {
	t.Helper()
	_, err := io.Copy(io.Discard, conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("the connection stays open")
	}
}

func TestLargeHeaderIsRefused(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	c.do(t, "GET", "/v1/pools", "", "X: "+strings.Repeat("x", 8<<10)).want(t, 200)
	r, err := c.try("GET", "/v1/pools", "", "X: "+strings.Repeat("x", 64<<10))
	if err == nil && r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", r.StatusCode)
	}
}

func TestConnectionsAreCounted(t *testing.T) {
	s := short(t, Settings{}, func(l *limits) { l.connections = 2 })
	var first rawConn
	for n := range 2 { // both are in the middle of a request
		conn := dialRaw(t, s)
		if _, err := conn.Write([]byte("PUT /v1/blocklist HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); s.silent.len() > 0 || int(s.open.Load()) <= n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d connections are open, %d of them silent", s.open.Load(), s.silent.len())
			}
		}
		if n == 0 {
			first = conn
		}
	}
	third := dialRaw(t, s)
	answered := make(chan *http.Response)
	go func() { answered <- third.get(t) }()
	select {
	case res := <-answered:
		t.Fatalf("a third connection is served: %v", res.Status)
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	if res := <-answered; res.StatusCode != 200 {
		t.Errorf("the third, when there is room: %v", res.Status)
	}
}

// Who opens connections and says nothing keeps nobody out.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	s := short(t, Settings{}, func(l *limits) { l.connections, l.header = 8, time.Hour })
	good := dialRaw(t, s)
	if res := good.get(t); res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	var strangers []rawConn
	for range 40 {
		strangers = append(strangers, dialRaw(t, s))
	}
	if res := dialRaw(t, s).get(t); res.StatusCode != 200 {
		t.Errorf("behind forty: %v", res.Status)
	}
	wantEnd(t, strangers[0])
	if res := good.get(t); res.StatusCode != 200 {
		t.Errorf("one that was there before: %v", res.Status)
	}
}

// When there are many, they are not kept: who comes later has a turn.
func TestConnectionsAreKeptWhileFew(t *testing.T) {
	s := short(t, Settings{}, func(l *limits) { l.connections = 4 })
	first, second := dialRaw(t, s), dialRaw(t, s)
	for _, conn := range []rawConn{first, second, first, second} {
		if res := conn.get(t); res.StatusCode != 200 || res.Close {
			t.Errorf("one of two: %v, close %v", res.Status, res.Close)
		}
	}
	third := dialRaw(t, s)
	if res := third.get(t); res.StatusCode != 200 || !res.Close {
		t.Errorf("one of three: %v, close %v", res.Status, res.Close)
	}
	wantEnd(t, third)
	for deadline := time.Now().Add(patience); s.open.Load() > 2 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	if res := first.get(t); res.StatusCode != 200 || res.Close {
		t.Errorf("one of two again: %v, close %v", res.Status, res.Close)
	}
}

func TestStalledHandshakeHoldsNobodyUp(t *testing.T) {
	ca := newAuthority(t, "ca")
	s := short(t, secured(t, t.TempDir(), ca), func(l *limits) { l.header = 500 * time.Millisecond })
	stalled := dialRaw(t, s)
	if _, err := stalled.Write([]byte{22, 3, 1}); err != nil { // the start of a handshake
		t.Fatal(err)
	}
	overTLS(t, s, ca).do(t, "GET", "/v1/pools", "").want(t, 200)
	wantEnd(t, stalled)
}
