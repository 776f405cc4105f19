//go:build unix

// Package backlog helps tests: it makes servers to which nobody can connect, and who do not say so.
package backlog

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// noAnswer is how long a connection on loopback takes at most that comes about at all.
const noAnswer = 200 * time.Millisecond

// Full returns the address of a listener at an IPv4 address, at a port of its own, that drops SYNs since its backlog is full. It is there
// until the test ends. A system whose backlogs have no end has the test skipped.
func Full(tb testing.TB, address string) netip.AddrPort {
	tb.Helper()
	addr := netip.MustParseAddr(address)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: addr.As4()}); err != nil {
		tb.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		tb.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		tb.Fatal(err)
	}
	at := netip.AddrPortFrom(addr, uint16(name.(*syscall.SockaddrInet4).Port))
	for range 16 {
		conn, err := net.DialTimeout("tcp", at.String(), noAnswer)
		if err != nil {
			return at
		}
		tb.Cleanup(func() { conn.Close() })
	}
	tb.Skip("this system accepts more connections than the backlog has room for")
	return at
}
