package test

import (
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// members are servers on loopback addresses that share a port. A test makes its own, so the port keeps them apart from those of other
// tests, and their addresses can stand in the Corefile as they are.
type members struct {
	port string

	mu     sync.Mutex
	banner string                 // sent to whoever connects
	tls    map[string]*tls.Config // by address; none: plain TCP
	open   map[string]net.Listener
	conns  map[net.Conn]string
	came   map[string][]time.Time // when connections came, by address
}

// startMembers starts servers at these addresses.
func startMembers(t *testing.T, addrs ...string) *members {
	t.Helper()
	return (&members{}).start(t, addrs...)
}

// startTLSMembers starts servers that speak TLS.
func startTLSMembers(t *testing.T, configs map[string]*tls.Config) *members {
	t.Helper()
	m := &members{tls: configs}
	for addr := range configs {
		m.start(t, addr)
	}
	return m
}

// start starts servers, for the first time or again.
func (m *members) start(t *testing.T, addrs ...string) *members {
	t.Helper()
	if m.port == "" {
		m.open, m.conns, m.came = map[string]net.Listener{}, map[net.Conn]string{}, map[string][]time.Time{}
		t.Cleanup(m.stopAll)
		m.port = freePort(t)
		for try := 0; try < 10 && len(addrs) > 0; try++ { // another process may take the port at this very moment
			if m.listen(addrs[0]) == nil {
				addrs = addrs[1:]
				break
			}
			m.port = freePort(t)
		}
	}
	for _, addr := range addrs {
		must(t, m.listen(addr))
	}
	return m
}

// listen listens at an address. While a member is stopped, another test may have its port for a moment.
func (m *members) listen(addr string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(addr, m.port))
	for deadline := time.Now().Add(pollFor); err != nil && m.count(addr) > 0 && time.Now().Before(deadline); time.Sleep(pollEvery) {
		l, err = net.Listen("tcp", net.JoinHostPort(addr, m.port))
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.open[addr] = l
	m.mu.Unlock()
	go m.accept(l, addr)
	return nil
}

// stop closes servers with their connections.
func (m *members) stop(addrs ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, addr := range addrs {
		if l := m.open[addr]; l != nil {
			l.Close()
			delete(m.open, addr)
		}
		for conn, of := range m.conns {
			if of == addr {
				conn.Close()
			}
		}
	}
}

func (m *members) stopAll() {
	m.mu.Lock()
	var addrs []string
	for addr := range m.open {
		addrs = append(addrs, addr)
	}
	m.mu.Unlock()
	m.stop(addrs...)
}

// say sets what is sent to whoever connects; with nothing a member that is expected to speak hangs.
func (m *members) say(banner string) *members {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.banner = banner
	return m
}

func (m *members) accept(l net.Listener, addr string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		m.mu.Lock()
		m.came[addr] = append(m.came[addr], time.Now())
		m.conns[conn] = addr
		banner, config := m.banner, m.tls[addr]
		m.mu.Unlock()
		go func() {
			m.serve(conn, banner, config)
			m.mu.Lock()
			delete(m.conns, conn)
			m.mu.Unlock()
		}()
	}
}

// serve waits until the other side hangs up.
func (*members) serve(conn net.Conn, banner string, config *tls.Config) {
	if config != nil {
		conn = tls.Server(conn, config)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(banner)); err != nil { // does the handshake, too
		return
	}
	buf := make([]byte, 1024)
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// hold accepts connections until the listener is closed, and keeps each open until the other side ends it.
func hold(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = conn.Read(make([]byte, 1))
			conn.Close()
		}()
	}
}

// times returns when connections came to an address.
func (m *members) times(addr string) []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.came[addr])
}

// count returns how many connections an address has had.
func (m *members) count(addr string) int { return len(m.times(addr)) }

// stops waits until an address has had no connection for a while that is longer than the intervals used here.
func stops(t *testing.T, m *members, addr string) {
	t.Helper()
	eventually(t, func() error {
		times := m.times(addr)
		return want(time.Since(times[len(times)-1]) > 1200*time.Millisecond, "probes of %s go on", addr)
	})
}
