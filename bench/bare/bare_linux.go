// Package bare holds the bare loops that the cost of probes is measured against: they only connect and close, with raw non-blocking
// sockets on epoll. This one is in Go; testdata holds the same in C.
package bare

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// Loop connects to hosts members in turn, rate times a second for d, and closes. Host i is 127.0.(i+1).1.
type Loop struct {
	Port, Hosts int
	Rate        float64
	For         time.Duration

	Ended, Passed int           // connects
	CPU           time.Duration // that all took

	epoll int
}

// Run runs the loop. Its process should do nothing else.
func (l *Loop) Run() (err error) {
	if l.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	defer syscall.Close(l.epoll)
	runtime.LockOSThread()
	events := make([]syscall.EpollEvent, 256)
	begun, start, cpu := 0, time.Now(), cpuTime()
	for time.Since(start) < l.For {
		for due := time.Since(start).Seconds() * l.Rate; float64(begun) < due && begun-l.Ended < 4096; begun++ {
			if err := l.begin(begun % l.Hosts); err != nil {
				return err
			}
		}
		ms := 0
		if wait := time.Duration(float64(begun)/l.Rate*1e9) - time.Since(start); wait > 0 {
			ms = int(wait/time.Millisecond) + 1
		}
		n, err := syscall.EpollWait(l.epoll, events, ms)
		if err != nil && err != syscall.EINTR {
			return err
		}
		for i := range max(n, 0) {
			l.end(int(events[i].Fd))
		}
	}
	l.CPU = cpuTime() - cpu
	return nil
}

func (l *Loop) begin(host int) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	to := syscall.SockaddrInet4{Port: l.Port, Addr: [4]byte{127, 0, byte(host + 1), 1}}
	if err := syscall.Connect(fd, &to); err != nil && err != syscall.EINPROGRESS {
		l.Ended++
		return syscall.Close(fd)
	}
	return syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLOUT, Fd: int32(fd)})
}

func (l *Loop) end(fd int) {
	if failure, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR); err == nil && failure == 0 {
		l.Passed++
		// With a reset, or TIME_WAIT would take the ports.
		syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	}
	syscall.Close(fd)
	l.Ended++
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
