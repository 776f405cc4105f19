package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// socketMode lets the socket's owner and group connect, which takes the right to write. Before it is set, the usual umasks (022, 027,
// 077) give less, never more.
const socketMode = 0o660

// dialTimeout bounds the question whether somebody still answers at a socket. A connection to a local one is made or refused at once.
const dialTimeout = time.Second

// bind listens at the endpoint's address. release undoes what closing the listener leaves, and must come before it.
func bind(network, address string) (l net.Listener, release func() error, err error) {
	if network != "unix" {
		l, err = net.Listen(network, address)
		return l, func() error { return nil }, err
	}
	if err := removeStale(address); err != nil {
		return nil, nil, err
	}
	l, err = net.Listen(network, address)
	if err != nil {
		return nil, nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // it asks not whose socket it is by then
	ours, err := os.Lstat(address)
	if err := errors.Join(err, os.Chmod(address, socketMode)); err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return l, func() error { return removeOurs(address, ours) }, nil
}

// removeStale removes the socket that a killed process left.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and is no socket: name another path, or move it away", path)
	}
	conn, err := net.DialTimeout("unix", path, dialTimeout)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("listen unix %s: %w: another process answers there", path, syscall.EADDRINUSE)
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, fs.ErrNotExist): // whoever had it has just removed it
		return nil
	}
	return fmt.Errorf("listen unix %s: %w: cannot tell whether somebody answers there: %w", path, syscall.EADDRINUSE, err)
}

// removeOurs removes a socket unless another process has put its own in the place.
func removeOurs(path string, ours fs.FileInfo) error {
	if now, err := os.Lstat(path); err != nil || !os.SameFile(now, ours) {
		return nil
	}
	return os.Remove(path)
}
