package test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
)

// taken are the ports that were given away: CoreDNS binds with SO_REUSEPORT, so two of them on one port would not even notice.
var taken sync.Map

// freePort returns a port on which nobody listens at 127.0.0.1, neither UDP nor TCP. It lies below those that the kernel gives to
// outgoing connections, so that none of these takes it while it is free, and none connects to itself.
func freePort(t *testing.T) string {
	t.Helper()
	first, last := 15000, ephemeral()-1
	for range 1000 {
		port := strconv.Itoa(first + rand.IntN(last-first))
		if _, used := taken.LoadOrStore(port, true); !used && free("127.0.0.1:"+port) {
			return port
		}
	}
	t.Fatalf("no free port between %d and %d", first, last)
	return ""
}

// ephemeral is the first port of outgoing connections.
func ephemeral() int {
	const usual = 32768
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	low := 0
	if _, scanErr := fmt.Sscan(string(text), &low); err != nil || scanErr != nil || low < 20000 {
		return usual
	}
	return low
}

// free says whether both UDP and TCP can be listened on.
func free(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	defer l.Close()
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
