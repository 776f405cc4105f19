package admin

import (
	"fmt"
	"net"
	"syscall"
)

// peerOf names the user whose process connected; empty when the system does not tell. SO_PEERCRED has what held at connect, so that no
// later process of the same number is meant.
func peerOf(conn *net.UnixConn) string {
	raw, err := conn.SyscallConn()
	if err != nil {
		return ""
	}
	var cred *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || failed != nil {
		return ""
	}
	return fmt.Sprintf("uid %d", cred.Uid)
}
