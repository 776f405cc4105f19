package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Members are a process that accepts connections at one port of all addresses of 127.0.0.0/8, and closes each at once.
type Members struct {
	*Process
	Port uint16
}

// membersRole is the first argument of a program that is to be members.
const membersRole = "bench-members"

// Members are the program that measures, started again.
func init() {
	if len(os.Args) == 3 && os.Args[1] == membersRole {
		fmt.Fprintln(os.Stderr, serveMembers(os.Args[2]))
		os.Exit(1)
	}
}

// StartMembers starts members on a core.
func StartMembers(core int) (*Members, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	p, err := Start("", core, self, membersRole, strconv.Itoa(int(port)))
	if err != nil {
		return nil, err
	}
	m := &Members{p, port}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, err := m.Accepted()
		if err == nil {
			return m, nil
		}
		if time.Now().After(end) {
			m.Stop()
			return nil, fmt.Errorf("no members: %w\n%s", err, m.Log())
		}
	}
}

// Accepted is how many connections the members have accepted.
func (m *Members) Accepted() (int, error) {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, m.Port)))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte{0}); err != nil {
		return 0, err
	}
	var count [8]byte
	_, err = conn.Read(count[:])
	return int(binary.NativeEndian.Uint64(count[:])), err
}

// serveMembers accepts connections at a port until it is killed. A datagram to the port is answered with how many it has accepted.
func serveMembers(port string) error {
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return err
	}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, uint16(number))))
	if err != nil {
		return err
	}
	listener, err := listenOnLoopback(int(number))
	if err != nil {
		return err
	}
	var accepted atomic.Uint64
	go func() {
		for {
			_, from, err := conn.ReadFromUDP(make([]byte, 1))
			if err == nil {
				conn.WriteToUDP(binary.NativeEndian.AppendUint64(nil, accepted.Load()), from)
			}
		}
	}()
	for {
		fd, _, err := unix.Accept(listener)
		if err != nil {
			if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED) {
				continue
			}
			return fmt.Errorf("accept: %w", err)
		}
		unix.Close(fd)
		accepted.Add(1)
	}
}

// listenOnLoopback listens on all addresses of the loopback interface, and on no other interface.
func listenOnLoopback(port int) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, err
	}
	if err := unix.BindToDevice(fd, "lo"); err != nil {
		return -1, fmt.Errorf("lo: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port}); err != nil {
		return -1, fmt.Errorf("port %d: %w", port, err)
	}
	return fd, unix.Listen(fd, 1<<16) // the kernel cuts it to what it allows
}
