package express

import (
	"errors"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.org/healthlb/plugin/healthlb/answer"
)

// batch is the datagrams that one system call reads or sends.
type batch struct {
	fd      int
	headers [BatchSize]mmsghdr
	vectors [BatchSize]unix.Iovec
	from    [BatchSize]datagram

	replies      [BatchSize]mmsghdr
	replyVectors [BatchSize]unix.Iovec
	packed       [BatchSize]*answer.Packed
	toSend       int
}

// mmsghdr is struct mmsghdr of the system, see recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	length uint32 // of what was read or sent
}

// datagram is one that came: who sent it, to which address, and what it says.
type datagram struct {
	control [controlSize / 8]uint64 // which aligns it
	name    [nameSize]byte
	query   [querySize]byte
}

// newBatch makes a batch for a socket. Where that has no address of its own, datagrams tell to which one they were sent.
func newBatch(fd int, anyAddress bool) *batch {
	b := &batch{fd: fd}
	for i := range BatchSize {
		b.vectors[i].Base = &b.from[i].query[0]
		b.vectors[i].SetLen(querySize)
		h := &b.headers[i]
		h.Name, h.Iov = &b.from[i].name[0], &b.vectors[i]
		h.SetIovlen(1)
		if anyAddress {
			h.Control = (*byte)(unsafe.Pointer(&b.from[i].control))
		}
		b.replies[i].Iov = &b.replyVectors[i]
		b.replies[i].SetIovlen(1)
		b.packed[i] = answer.NewPacked()
	}
	return b
}

// receive reads what is there. It returns 0 when there is nothing.
func (b *batch) receive() (int, error) {
	for i := range BatchSize {
		h := &b.headers[i]
		h.Namelen = nameSize
		if h.Control != nil {
			h.SetControllen(controlSize)
		}
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.headers[0])), BatchSize, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EAGAIN:
			return 0, nil
		case unix.EINTR, unix.ECONNREFUSED: // the last is what an earlier reply has met, and is told once
		default:
			return 0, os.NewSyscallError("recvmmsg", errno)
		}
	}
}

// query is what datagram i says.
func (b *batch) query(i int) []byte { return b.from[i].query[:min(b.headers[i].length, querySize)] }

// name is who sent datagram i, as the system has it.
func (b *batch) name(i int) []byte { return b.from[i].name[:b.headers[i].Namelen] }

// client is who sent datagram i, and whether that was over IPv6.
func (b *batch) client(i int) (addr netip.AddrPort, v6 bool) {
	return readName(b.name(i))
}

// control is what datagram i tells of the address that it was sent to, in the form in which its reply is sent from there.
func (b *batch) control(i int) []byte {
	h := &b.headers[i]
	if h.Control == nil {
		return nil
	}
	return replyFrom(unsafe.Slice(h.Control, h.Controllen))
}

// add puts a reply to datagram i into the batch.
func (b *batch) add(i int, reply []byte) {
	h := &b.replies[b.toSend]
	h.Name, h.Namelen = &b.from[i].name[0], b.headers[i].Namelen
	v := &b.replyVectors[b.toSend]
	v.Base = &reply[0]
	v.SetLen(len(reply))
	h.Control = nil
	h.SetControllen(0)
	if c := b.control(i); c != nil {
		h.Control = &c[0]
		h.SetControllen(len(c))
	}
	b.toSend++
}

// send sends the replies. What cannot be sent is lost, as over UDP any datagram may be; if the socket has no room, it waits once.
func (b *batch) send() error {
	waits := true
	for first := 0; first < b.toSend; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.replies[first])), uintptr(b.toSend-first), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == 0:
			first += int(n)
		case errors.Is(errno, unix.EINTR):
		case errors.Is(errno, unix.EAGAIN) && waits:
			waits = hasRoom(b.fd)
		case errors.Is(errno, unix.EBADF):
			return os.NewSyscallError("sendmmsg", errno)
		default:
			first++ // this one does not go, whatever the reason; the others may
		}
	}
	b.toSend = 0
	return nil
}

// hasRoom waits until a socket takes more to send; not for long, as queries come in meanwhile.
func hasRoom(fd int) bool {
	const patience = 10 // milliseconds
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, patience)
	return n > 0
}
