//go:build !386 && !s390x

package probe

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of the loop's sockets. None of them can wait, so that the Go runtime is not told of them.

// connectable says whether connectSocket knows the route's kind of addresses.
func connectable(r Route) bool {
	if r.To.Addr().Zone() != "" {
		return false
	}
	return !r.From.IsValid() || r.From.Zone() == "" && r.From.Is4() == r.To.Addr().Unmap().Is4()
}

// connectSocket begins a connection.
func connectSocket(r Route, wire bool) (fd uintptr, errno syscall.Errno) {
	// The kernel may find no port at once though there are some; the net package tries three times, too.
	for range 3 {
		if fd, errno = newSocket(r, wire); errno != 0 {
			return 0, errno
		}
		switch errno = connectTo(fd, r.To); errno {
		case 0, syscall.EINPROGRESS, syscall.EALREADY, syscall.EINTR:
			return fd, 0
		}
		closeSocket(fd)
		if errno != syscall.EADDRNOTAVAIL {
			break
		}
	}
	return 0, errno
}

// newSocket makes a socket for a route.
func newSocket(r Route, wire bool) (uintptr, syscall.Errno) {
	family := uintptr(unix.AF_INET6)
	if r.To.Addr().Unmap().Is4() {
		family = unix.AF_INET
	}
	fd, _, errno := syscall.RawSyscall(syscall.SYS_SOCKET, family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if errno != 0 {
		return 0, errno
	}
	if wire {
		errno = strung(fd)
	}
	if errno == 0 && r.From.IsValid() {
		errno = bindTo(fd, r.From)
	}
	if errno != 0 {
		closeSocket(fd)
	}
	return fd, errno
}

// wireBuffer is the receive buffer of a tripwire, in bytes: a member that talks is told to stop at about that much. The smallest that
// the kernel gives is about half.
const wireBuffer = 4 << 10

// strung sets what makes a socket a tripwire.
func strung(fd uintptr) syscall.Errno {
	for _, option := range [...]struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_RCVBUF, wireBuffer},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAliveIdle.Seconds())},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAliveInterval.Seconds())},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveCount},
	} {
		if errno := setInt(fd, option.level, option.name, option.value); errno != 0 {
			return errno
		}
	}
	return 0
}

// bindTo binds a socket to an address, the port to be chosen when it connects; see lateBind.
func bindTo(fd uintptr, from netip.Addr) syscall.Errno {
	if errno := setInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); errno != 0 {
		return errno
	}
	return withAddress(syscall.SYS_BIND, fd, netip.AddrPortFrom(from, 0))
}

func connectTo(fd uintptr, to netip.AddrPort) syscall.Errno {
	return withAddress(syscall.SYS_CONNECT, fd, to)
}

// withAddress makes a system call that takes a socket and an address.
func withAddress(call, fd uintptr, a netip.AddrPort) syscall.Errno {
	if ip := a.Addr().Unmap(); ip.Is4() {
		sa := syscall.RawSockaddrInet4{Family: unix.AF_INET, Port: inNetworkOrder(a.Port()), Addr: ip.As4()}
		_, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
		return errno
	}
	sa := syscall.RawSockaddrInet6{Family: unix.AF_INET6, Port: inNetworkOrder(a.Port()), Addr: a.Addr().As16()}
	_, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
	return errno
}

// inNetworkOrder returns a number that is in memory as the network has it.
func inNetworkOrder(port uint16) uint16 {
	return binary.NativeEndian.Uint16([]byte{byte(port >> 8), byte(port)})
}

// connectedToItself says whether a connection has the same address at both ends. That happens when a port on this host is probed on which
// nobody listens, and the kernel chooses the very same for the probe: then the two SYNs that meet open a connection (RFC 9293 section 3.5).
func connectedToItself(fd uintptr, to netip.AddrPort) bool {
	var sa syscall.RawSockaddrAny
	size := uint32(unsafe.Sizeof(sa))
	_, _, errno := syscall.RawSyscall(syscall.SYS_GETSOCKNAME, fd, uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return false
	}
	switch sa.Addr.Family {
	case unix.AF_INET:
		own := (*syscall.RawSockaddrInet4)(unsafe.Pointer(&sa))
		return own.Port == inNetworkOrder(to.Port()) && netip.AddrFrom4(own.Addr) == to.Addr().Unmap()
	case unix.AF_INET6:
		own := (*syscall.RawSockaddrInet6)(unsafe.Pointer(&sa))
		return own.Port == inNetworkOrder(to.Port()) && netip.AddrFrom16(own.Addr) == to.Addr()
	default:
		return false
	}
}

// socketError takes and returns the error that a socket has.
func socketError(fd uintptr) syscall.Errno {
	var found int32
	size := uint32(unsafe.Sizeof(found))
	_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&found)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return syscall.Errno(found)
}

func setInt(fd uintptr, level, name, value int) syscall.Errno {
	v := int32(value)
	_, _, errno := syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, fd, uintptr(level), uintptr(name), uintptr(unsafe.Pointer(&v)), unsafe.Sizeof(v), 0)
	return errno
}

// resetSocket closes a socket with a reset, see attempt.connect.
func resetSocket(fd uintptr) {
	now := syscall.Linger{Onoff: 1}
	syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_LINGER, uintptr(unsafe.Pointer(&now)), unsafe.Sizeof(now), 0)
	closeSocket(fd)
}

func closeSocket(fd uintptr) { syscall.RawSyscall(syscall.SYS_CLOSE, fd, 0, 0) }
