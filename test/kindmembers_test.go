package test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
)

// patients are servers of one kind at one port: the first address is always well, the others fall ill together.
type patients struct {
	port      string
	addrs     []string
	ill       atomic.Bool
	listeners []net.Listener   // in the order of addrs
	packets   []net.PacketConn // likewise
}

// admit opens an address for TCP and UDP each, all at the same port.
func admit(t *testing.T, addrs ...string) *patients {
	t.Helper()
	p := &patients{addrs: addrs}
	t.Cleanup(func() { p.close(0) })
	for range 10 { // another process may have the port at one of the addresses
		p.port = freePort(t)
		if p.open() {
			return p
		}
		p.close(0)
	}
	t.Fatalf("no port is free at all of %v", addrs)
	return nil
}

func (p *patients) open() bool {
	p.listeners, p.packets = nil, nil
	for _, addr := range p.addrs {
		l, err := net.Listen("tcp", net.JoinHostPort(addr, p.port))
		if err != nil {
			return false
		}
		p.listeners = append(p.listeners, l)
		c, err := net.ListenPacket("udp", net.JoinHostPort(addr, p.port))
		if err != nil {
			return false
		}
		p.packets = append(p.packets, c)
	}
	return true
}

// close ends the servers from the one with a number on.
func (p *patients) close(from int) {
	for i := from; i < len(p.listeners); i++ {
		p.listeners[i].Close()
	}
	for i := from; i < len(p.packets); i++ {
		p.packets[i].Close()
	}
}

// isIll says whether the server at one of the addresses, given with the port, is ill now.
func (p *patients) isIll(at net.Addr) bool {
	host, _, _ := net.SplitHostPort(at.String())
	return p.ill.Load() && host != p.addrs[0]
}

// serveHTTP answers requests; over TLS, if there is a config. answer is told whether the server is ill.
func (p *patients) serveHTTP(t *testing.T, config *tls.Config, answer func(w http.ResponseWriter, r *http.Request, ill bool)) {
	t.Helper()
	server := &http.Server{
		ErrorLog: log.New(io.Discard, "", 0), // of handshakes that fail as they should
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer(w, r, p.isIll(r.Context().Value(http.LocalAddrContextKey).(net.Addr)))
		}),
	}
	t.Cleanup(func() { server.Close() })
	for _, l := range p.listeners {
		if config != nil {
			l = tls.NewListener(l, config)
		}
		go server.Serve(l)
	}
}

// serveTCP calls answer for each connection.
func (p *patients) serveTCP(answer func(conn net.Conn, ill bool)) {
	for _, l := range p.listeners {
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					answer(conn, p.isIll(conn.LocalAddr()))
				}()
			}
		}()
	}
}

// serveTLS makes handshakes.
func (p *patients) serveTLS(config *tls.Config) {
	p.serveTCP(func(conn net.Conn, _ bool) { _, _ = io.Copy(io.Discard, tls.Server(conn, config)) })
}

// serveAgents has an agent read a line and answer it. Of one that says nothing the connection hangs.
func (p *patients) serveAgents(answer func(asked string, ill bool) string) {
	p.serveTCP(func(conn net.Conn, ill bool) {
		r := bufio.NewReader(conn)
		asked, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if said := answer(strings.TrimSpace(asked), ill); said != "" {
			_, _ = io.WriteString(conn, said)
			return
		}
		_, _ = r.ReadByte() // until the other side hangs up
	})
}

// serveDNS answers queries over UDP and TCP.
func (p *patients) serveDNS(t *testing.T, answer func(w dns.ResponseWriter, q *dns.Msg, ill bool)) {
	t.Helper()
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { answer(w, q, p.isIll(w.LocalAddr())) })
	for i := range p.addrs {
		for _, server := range []*dns.Server{{PacketConn: p.packets[i], Handler: handler}, {Listener: p.listeners[i], Handler: handler}} {
			t.Cleanup(func() { _ = server.Shutdown() }) // it says so when its socket is closed already
			go func() { _ = server.ActivateAndServe() }()
		}
	}
}

// serveGRPC serves grpc-go's health service: one for those who are well, another for those who are ill. It asks intercept first, which may
// know an answer of its own.
func (p *patients) serveGRPC(t *testing.T, config *tls.Config, well, ill *grpchealth.Server, intercept grpc.UnaryServerInterceptor) {
	t.Helper()
	var options []grpc.ServerOption
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	if intercept != nil {
		options = append(options, grpc.UnaryInterceptor(intercept))
	}
	server := grpc.NewServer(options...)
	healthpb.RegisterHealthServer(server, healthOf{patients: p, well: well, sick: ill})
	t.Cleanup(server.Stop)
	for _, l := range p.listeners {
		go server.Serve(l)
	}
}

type healthOf struct {
	healthpb.UnimplementedHealthServer
	patients   *patients
	well, sick *grpchealth.Server
}

func (h healthOf) Check(ctx context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if h.patients.isIllFor(ctx) {
		return h.sick.Check(ctx, r)
	}
	return h.well.Check(ctx, r)
}

// isIllFor says whether the server that a call of gRPC came to is ill.
func (p *patients) isIllFor(ctx context.Context) bool {
	from, _ := peer.FromContext(ctx)
	return p.isIll(from.LocalAddr)
}
