package bench

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

// memberHosts is how many hosts the members are on. Host i is 127.0.(i+1).1, and all listen on one port.
const memberHosts = 100

// members are a process whose members accept connections.
type members struct {
	Port     int    // where they close each at once
	TLSPort  int    // where they make handshakes, on one host
	CertFile string // for TLSPort; empty: nobody listens there
	KeyFile  string
}

// startMembers runs members until the benchmark ends.
func startMembers(b *testing.B, spec members) members {
	b.Helper()
	cmd := roleCommand(b, "members", spec)
	if _, err := cmd.StdinPipe(); err != nil { // which ends when this process does
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if err := json.NewDecoder(out).Decode(&spec); err != nil {
		b.Fatal(err)
	}
	return spec
}

// serveMembers is the role of the members' process.
func serveMembers(text []byte) (any, error) {
	var spec members
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	listeners, err := listenOnAll(&spec.Port)
	if err != nil {
		return nil, err
	}
	if spec.CertFile != "" {
		if spec.TLSPort, err = serveTLS(spec.CertFile, spec.KeyFile); err != nil {
			return nil, err
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(spec); err != nil {
		return nil, err
	}
	return nil, acceptAll(listeners)
}

// listenOnAll listens on a port that is free on all hosts.
func listenOnAll(port *int) (fds []int, err error) {
	for range 20 {
		*port = 0
		for i := range memberHosts {
			var fd int
			if fd, err = listen(&syscall.SockaddrInet4{Port: *port, Addr: [4]byte{127, 0, byte(i + 1), 1}}); err != nil {
				break
			}
			fds = append(fds, fd)
			name, err := syscall.Getsockname(fd)
			if err != nil {
				return nil, err
			}
			*port = name.(*syscall.SockaddrInet4).Port
		}
		if err == nil {
			return fds, nil
		}
		for _, fd := range fds {
			syscall.Close(fd)
		}
		fds = nil
	}
	return nil, err
}

func listen(at syscall.Sockaddr) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := syscall.Bind(fd, at); err != nil {
		syscall.Close(fd)
		return -1, err
	}
	if err := syscall.Listen(fd, 4096); err != nil {
		syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// acceptAll accepts connections for good, and closes them.
func acceptAll(listeners []int) error {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	for _, fd := range listeners {
		if err := syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}); err != nil {
			return err
		}
	}
	events := make([]syscall.EpollEvent, memberHosts)
	for {
		n, err := syscall.EpollWait(epoll, events, -1)
		if err != nil && err != syscall.EINTR {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for _, event := range events[:max(n, 0)] {
			for {
				conn, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(event.Fd), 0, 0, 0, 0, 0)
				if errno != 0 {
					break
				}
				syscall.RawSyscall(syscall.SYS_CLOSE, conn, 0, 0)
			}
		}
	}
}

// serveTLS makes handshakes on the first host, with whoever connects.
func serveTLS(certFile, keyFile string) (port int, err error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return 0, err
	}
	l, err := net.Listen("tcp", "127.0.1.1:0")
	if err != nil {
		return 0, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				session := tls.Server(conn, config)
				if session.Handshake() == nil {
					session.Read(make([]byte, 1)) // until the prober ends it
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, nil
}
