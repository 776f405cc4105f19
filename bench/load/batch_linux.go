package load

import (
	"encoding/binary"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is the messages that one system call sends or reads.
type batch struct {
	headers []mmsghdr
	vectors []unix.Iovec
	buffers [][]byte
}

// mmsghdr is struct mmsghdr of the system, see recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	length uint32 // of what was sent or read
}

// newBatch makes a batch of n messages of at most size bytes; of longer ones that are read, the rest is cut off.
func newBatch(n, size int) *batch {
	b := &batch{make([]mmsghdr, n), make([]unix.Iovec, n), make([][]byte, n)}
	for i := range n {
		b.buffers[i] = make([]byte, size)
		b.vectors[i].Base = &b.buffers[i][0]
		b.vectors[i].SetLen(size)
		b.headers[i].Iov = &b.vectors[i]
		b.headers[i].SetIovlen(1)
	}
	return b
}

// set makes message i a query with an id.
func (b *batch) set(i int, query []byte, id uint16) {
	b.vectors[i].SetLen(copy(b.buffers[i], query))
	binary.BigEndian.PutUint16(b.buffers[i], id)
}

// message is the header of the message i that was read.
func (b *batch) message(i int) header {
	return b.buffers[i][:min(int(b.headers[i].length), len(b.buffers[i]))]
}

// send sends n messages, and says how many it has sent.
func (b *batch) send(fd, n int) (int, error) { return b.call("sendmmsg", unix.SYS_SENDMMSG, fd, n) }

// receive reads the messages that are there.
func (b *batch) receive(fd int) (int, error) {
	return b.call("recvmmsg", unix.SYS_RECVMMSG, fd, len(b.headers))
}

// call never waits, so it can do without telling Go's scheduler.
func (b *batch) call(name string, number uintptr, fd, n int) (int, error) {
	done, _, err := unix.RawSyscall6(number, uintptr(fd), uintptr(unsafe.Pointer(&b.headers[0])), uintptr(n), unix.MSG_DONTWAIT, 0, 0)
	switch err {
	case 0:
		return int(done), nil
	case unix.EAGAIN, unix.ENOBUFS: // there is nothing to read, or no room
		return 0, nil
	case unix.ECONNREFUSED: // so was an earlier message
		return 0, nil
	}
	return 0, os.NewSyscallError(name, err)
}
