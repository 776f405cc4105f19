package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// members are the demo's servers, running or not.
type members struct {
	tls  *tls.Config
	port uint16
	all  []netip.Addr

	mu      sync.Mutex // guards running
	running map[netip.Addr]*http.Server
}

// newMembers starts the members of alive, and knows those of dead. An IPv6 member on a machine without IPv6 stays dead.
func newMembers(ca *ca, names []string, port uint16, alive, dead []netip.Addr) (*members, error) {
	all := slices.Concat(alive, dead)
	var ips []net.IP
	for _, addr := range all {
		ips = append(ips, addr.AsSlice())
	}
	cert, err := ca.server(names, ips)
	if err != nil {
		return nil, err
	}
	m := &members{
		tls:     &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		port:    port,
		all:     all,
		running: make(map[netip.Addr]*http.Server),
	}
	for _, addr := range alive {
		if err := m.start(addr); err != nil {
			if addr.Is4() {
				return nil, err
			}
			log.Printf("%s stays dead: %v", addr, err)
		}
	}
	return m, nil
}

// start makes a member listen. Starting one that runs changes nothing.
func (m *members) start(addr netip.Addr) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running[addr] != nil {
		return nil
	}
	listener, err := net.Listen("tcp", netip.AddrPortFrom(addr, m.port).String())
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, "Hello from member %s, asked for %s\n", addr, r.Host)
		}),
		ReadHeaderTimeout: 5 * time.Second,
		// A probe that hangs up after the handshake is no news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	m.running[addr] = server
	go func() { _ = server.Serve(tls.NewListener(listener, m.tls)) }() // returns when stop closes it
	return nil
}

// stop closes a member's socket and connections, as a crash would. Stopping one that does not run changes nothing.
func (m *members) stop(addr netip.Addr) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	server := m.running[addr]
	if server == nil {
		return nil
	}
	delete(m.running, addr)
	return server.Close()
}

// control is the endpoint: GET / shows the members, POST /stop/ADDR and POST /start/ADDR change one.
func (m *members) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { m.show(w) })
	for word, change := range map[string]func(netip.Addr) error{"start": m.start, "stop": m.stop} {
		mux.HandleFunc("POST /"+word+"/{member}", func(w http.ResponseWriter, r *http.Request) {
			addr, err := netip.ParseAddr(r.PathValue("member"))
			if err != nil || !slices.Contains(m.all, addr) {
				http.Error(w, "no such member; GET / shows them all", http.StatusNotFound)
				return
			}
			if err := change(addr); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			m.show(w)
		})
	}
	return mux
}

// show writes one line per member.
func (m *members) show(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, addr := range m.all {
		state := "stopped"
		if m.running[addr] != nil {
			state = "running"
		}
		_, _ = fmt.Fprintf(w, "%-11s %s\n", addr, state)
	}
}
