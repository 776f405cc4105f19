package test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// load is queries and admin requests without a pause, of which none may be lost or refused.
type load struct {
	queries  atomic.Int64
	requests atomic.Int64

	end     chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	faults  []string
}

// startLoad asks for a name from four clients, and for the pools from one, which knows where the admin endpoint is and may move to.
func (s *coredns) startLoad(t *testing.T, name, header string, admin ...endpoint) *load {
	t.Helper()
	l := &load{end: make(chan struct{})}
	for range 4 {
		l.running.Go(func() { l.query(s.ports["dns"], name) })
	}
	l.running.Go(func() { l.request(header, admin) })
	t.Cleanup(func() { l.stop(t) })
	return l
}

// keepAlive is an endpoint whose connections stay open from one request to the next.
func (s *coredns) keepAlive(port string) endpoint {
	e := s.at(port)
	e.client.Transport = &http.Transport{}
	return e
}

func (l *load) ended() bool { return isClosed(l.end) }

func (l *load) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (l *load) query(port, name string) {
	client := &dns.Client{Timeout: 5 * time.Second}
	conn, err := client.Dial("127.0.0.1:" + port)
	if err != nil {
		l.fault("%v", err)
		return
	}
	defer conn.Close()
	for !l.ended() {
		r, _, err := client.ExchangeWithConn(question(name, dns.TypeA), conn)
		l.queries.Add(1)
		switch {
		case err != nil:
			l.fault("query: %v", err)
		case r.Rcode != dns.RcodeSuccess || len(r.Answer) == 0:
			l.fault("query: %v", r)
		}
	}
}

// request asks the first endpoint at which somebody listens.
func (l *load) request(header string, admin []endpoint) {
	for !l.ended() {
		var r response
		err := errors.New("no endpoint")
		for _, e := range admin {
			r, err = e.try("GET /v1/pools", "", header)
			if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ECONNRESET) { // reset: it waited in the queue when its port was closed
				break
			}
		}
		l.requests.Add(1)
		if err != nil || r.status != 200 {
			l.fault("request: %v %d %s", err, r.status, r.body)
		}
	}
}

// goesOn waits until there were more queries and requests.
func (l *load) goesOn(t *testing.T) {
	t.Helper()
	queries, requests := l.queries.Load()+100, l.requests.Load()+5
	eventually(t, func() error {
		return want(l.queries.Load() >= queries && l.requests.Load() >= requests, "queries or requests stand still")
	})
}

// stop ends the load, and says what was lost.
func (l *load) stop(t *testing.T) {
	t.Helper()
	if l.ended() {
		return
	}
	close(l.end)
	l.running.Wait()
	if n := len(l.faults); n > 0 {
		t.Errorf("of %d queries and %d requests, %d failed:\n%s", l.queries.Load(), l.requests.Load(), n,
			strings.Join(l.faults[:min(n, 10)], "\n"))
	}
}
