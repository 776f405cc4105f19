package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
)

// limits bound what callers can take.
type limits struct {
	header      time.Duration // until the request's header is read, a TLS handshake included
	read        time.Duration // until its body is read
	write       time.Duration // until the answer is written
	idle        time.Duration // between two requests of a connection
	headerBytes int
	connections int // at once; more wait in the listener's queue, and from half as many on none is kept from one request to the next

	streams   int           // of events, at once; more are refused
	beat      time.Duration // between two signs of life in a stream
	eventSend time.Duration // until a part of a stream is written
}

// standard are the limits in force. The longest list of blocks (1 MiB) needs 30 seconds at 280 kbit/s.
var standard = limits{
	header: 5 * time.Second, read: 30 * time.Second, write: 30 * time.Second, idle: time.Minute, headerBytes: 16 << 10, connections: 2048,
	// Proxies cut connections on which nothing is said for 30 to 60 seconds.
	streams: 32, beat: 15 * time.Second, eventSend: 5 * time.Second,
}

// Server is the endpoint in service.
type Server struct {
	open    atomic.Int64 // connections
	silent  *silent      // those of them on which no request has come yet
	addr    net.Addr
	limit   limits
	http    *http.Server
	current atomic.Pointer[service]
	release func() error  // of bind
	ended   chan struct{} // closed when the listener is served no more

	streams chan struct{}      // has an element for each stream of events
	closing context.Context    // done when the streams are to end
	close   context.CancelFunc // of closing
}

// Listen binds the endpoint's address and serves it until Close.
func Listen(endpoint *Endpoint, backend Backend) (*Server, error) {
	return listen(endpoint, backend, standard)
}

func listen(endpoint *Endpoint, backend Backend, limit limits) (*Server, error) {
	listener, release, err := bind(endpoint.settings.Network, endpoint.settings.Address)
	if err != nil {
		return nil, fmt.Errorf("admin endpoint: %w", err)
	}
	s := &Server{
		silent: newSilent(), addr: listener.Addr(), limit: limit, release: release, ended: make(chan struct{}), streams: make(chan struct{}, limit.streams),
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.Configure(endpoint, backend)

	only1 := new(http.Protocols) // HTTP/2 would need limits of its own, and gains nothing here
	only1.SetHTTP1(true)
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.serve),
		ReadHeaderTimeout:            limit.header,
		ReadTimeout:                  limit.read,
		WriteTimeout:                 limit.write,
		IdleTimeout:                  limit.idle,
		MaxHeaderBytes:               limit.headerBytes,
		ConnContext:                  withPeer,
		ConnState:                    s.count,
		Protocols:                    only1,
		DisableGeneralOptionsHandler: true, // it would answer OPTIONS * to anybody
		// What net/http logs are failed handshakes and the like, which any port scanner causes.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(s.ended)
		err := s.http.Serve(switching{netutil.LimitListener(peered{listener}, limit.connections), s})
		if !errors.Is(err, http.ErrServerClosed) {
			s.current.Load().endpoint.settings.Warn("admin endpoint at %s has ended: %v", s.addr, err)
		}
	}()
	return s, nil
}

// serve hands a request to the settings of the moment it came.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if int(s.open.Load()) > s.limit.connections/2 { // thousands that register themselves must not keep each other out
		w.Header().Set("Connection", "close")
	}
	s.current.Load().ServeHTTP(w, r)
}

// count counts the open connections. When three quarters of all are taken, one on which no request has come yet makes room for
// another: whoever only opens connections keeps nobody out.
func (s *Server) count(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.silent.add(conn)
		if int(s.open.Add(1)) > s.limit.connections*3/4 {
			s.silent.closeOldest()
		}
	case http.StateActive:
		s.silent.remove(conn)
	case http.StateClosed, http.StateHijacked:
		s.silent.remove(conn)
		s.open.Add(-1)
	}
}

// Configure puts other settings and another backend in force, for all requests from now on, also those on connections that are open.
// The listener stays, whatever address the endpoint says.
func (s *Server) Configure(endpoint *Endpoint, backend Backend) {
	s.current.Store(newService(endpoint, backend, s))
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.addr }

// Close takes no more connections, ends the streams of events, lets the other requests under way end until ctx is done, and then cuts
// them off, which is an error.
func (s *Server) Close(ctx context.Context) error {
	err := s.release()
	s.close()
	if shutdownErr := s.http.Shutdown(ctx); shutdownErr != nil {
		err = errors.Join(err, fmt.Errorf("admin endpoint: requests were cut off: %w", shutdownErr), s.http.Close())
	}
	<-s.ended
	return err
}
