package probe

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// lateBind has the kernel choose the local port of a socket that is bound to an address when it connects: then a port is taken for its
// destination only, and not one of some 28,000 for all (IP_BIND_ADDRESS_NO_PORT, Linux 4.2).
func lateBind(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) }); e != nil {
		return e
	}
	return err
}
