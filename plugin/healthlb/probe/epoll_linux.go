//go:build !386 && !s390x

package probe

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epoll waits for sockets, for a time, and for a word from elsewhere.
//
// It sleeps in the netpoller of the Go runtime: the epoll descriptor is itself a file that can be waited for. To sleep in epoll_wait
// directly would be simpler, but a thread that sleeps in a system call for longer than 10 ms has its processor taken away by the runtime's
// monitor, which wakes up 50 times and more to do so, and when the thread wakes it needs one again. One of Go's timers would set a second
// thread spinning each time. A bare loop of 200 connects a second, each with a wake-up of its own, took at the least of four runs: sleeping
// in epoll_wait 162 us a connect, with the thread locked 179 us, by timers 158 us, so 81 us, and 101 us in C. None of the system calls here
// can wait, so that the runtime need not know of them either.
//
// 386 and s390x have no system call for each of the calls of sockets.
type epoll struct {
	file *os.File
	conn syscall.RawConn
	fd   uintptr
	wake uintptr // an eventfd: a word from elsewhere
	bell uintptr // a timerfd: time is up

	rings  time.Duration // when the bell rings, by now; 0: not at all
	now    func() time.Duration
	until  time.Duration // of the sleep under way
	slept  bool          // in it
	taken  time.Duration // all that happened before this has been taken, if events are not full
	ready  []syscall.EpollEvent
	look   func(uintptr) bool // a method value, made once
	events [256]syscall.EpollEvent
}

// keys of what is no socket; those of sockets are not negative.
const (
	wakeKey = -1
	bellKey = -2
)

func newEpoll(now func() time.Duration) (*epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // else os would not have it waited for
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &epoll{file: os.NewFile(uintptr(fd), "epoll"), fd: uintptr(fd), now: now}
	p.look = p.poll
	if err := p.open(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *epoll) open() error {
	// Fails if the runtime cannot wait for the file.
	if err := p.file.SetDeadline(time.Time{}); err != nil {
		return err
	}
	var err error
	if p.conn, err = p.file.SyscallConn(); err != nil {
		return err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	p.wake = uintptr(wake)
	bell, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	p.bell = uintptr(bell)
	// Edge-triggered, so that neither has to be read.
	if errno := p.control(syscall.EPOLL_CTL_ADD, p.wake, unix.EPOLLIN|unix.EPOLLET, wakeKey, 0); errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	if errno := p.control(syscall.EPOLL_CTL_ADD, p.bell, unix.EPOLLIN|unix.EPOLLET, bellKey, 0); errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}

// control adds a file to those that are waited for, or changes for what. Its events carry the key and the count.
func (p *epoll) control(op int, fd uintptr, events uint32, key, count int32) syscall.Errno {
	event := syscall.EpollEvent{Events: events, Fd: key, Pad: count}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, p.fd, uintptr(op), fd, uintptr(unsafe.Pointer(&event)), 0, 0)
	return errno
}

// wait returns events of sockets. It sleeps until there are any, until it is roused, or until the given time, but not at all if that has
// passed; then there may be none. What it returns is good until it is called again.
func (p *epoll) wait(until time.Duration) (events []syscall.EpollEvent, slept bool) {
	p.until, p.slept = until, false
	if until <= p.now() {
		p.take()
	} else if p.conn.Read(p.look) != nil {
		time.Sleep(time.Millisecond) // cannot be; if it is, poll
		p.take()
	}
	return p.ready, p.slept
}

// poll takes what there is, and if there is nothing, sets the bell and returns false.
func (p *epoll) poll(uintptr) bool {
	if p.take() {
		return true
	}
	p.slept = true
	if p.until == never || p.rings > 0 && p.rings <= p.until {
		return false
	}
	p.rings = p.until
	wait := max(p.until-p.now(), 1)
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}
	syscall.RawSyscall6(unix.SYS_TIMERFD_SETTIME, p.bell, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	return false
}

// take takes what there is, and says whether that is enough to end the sleep.
func (p *epoll) take() bool {
	p.taken = p.now()
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, p.fd, uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), 0, 0, 0)
	if errno != 0 { // EINTR
		n = 0
	}
	p.ready = p.events[:n]
	for _, event := range p.ready {
		if event.Fd == bellKey {
			p.rings = 0
		}
	}
	return n > 0
}

// rouse ends the sleep, or the next one. It may be called by any goroutine until close.
func (p *epoll) rouse() {
	one := uint64(1)
	syscall.RawSyscall(syscall.SYS_WRITE, p.wake, uintptr(unsafe.Pointer(&one)), 8)
}

func (p *epoll) close() {
	p.file.Close()
	for _, fd := range []uintptr{p.wake, p.bell} {
		if fd > 0 {
			unix.Close(int(fd))
		}
	}
}
