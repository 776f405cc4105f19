package express

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// All sockets at one address are a group, in the order in which they were bound; when one closes, the last takes its place. A program of
// classic BPF, which looks at what a datagram says, picks the socket by its place in the group (SO_ATTACH_REUSEPORT_CBPF, socket(7)). It is one
// for the group, whoever attached it. With a place that there is not, the kernel spreads the datagrams over all.

// mark is what a datagram begins with that only asks which socket it comes to: as a DNS message it is a response, to which no server
// replies. Each lane has its own.
type mark [8]byte

func newMark() (m mark) {
	rand.Read(m[:]) // which never fails
	m[2] |= 0x80    // QR
	return m
}

// A classic BPF program for datagrams is given what follows the UDP header.
const (
	loadCPU    = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	atCPU      = uint32(0xfffff000) + 36 // SKF_AD_OFF + SKF_AD_CPU of linux/filter.h
	loadWord   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	remainder  = unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K
	jumpEqual  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	jumpAlways = unix.BPF_JMP | unix.BPF_JA
	giveBack   = unix.BPF_RET | unix.BPF_K
)

// nowhere is a place that no group has.
const nowhere = math.MaxUint32

// markedSize is how long a marked datagram is: the mark, the number of a socket (4), and a number of its own (8).
const markedSize = len(mark{}) + 4 + 8

// toPlaces is a program that spreads datagrams over some places of the group, by the CPU that they come in on; marked ones by the number in
// them, and to no place that there is when there is no such number.
func (m mark) toPlaces(places []uint32) []unix.SockFilter {
	if len(places) == 1 {
		return []unix.SockFilter{{Code: giveBack, K: places[0]}}
	}
	program := []unix.SockFilter{
		{Code: loadWord, K: 0},
		{Code: jumpEqual, K: binary.BigEndian.Uint32(m[:4]), Jf: 4},
		{Code: loadWord, K: 4},
		{Code: jumpEqual, K: binary.BigEndian.Uint32(m[4:]), Jf: 2},
		{Code: loadWord, K: uint32(len(m))},
		{Code: jumpAlways, K: 1},
		{Code: loadCPU, K: atCPU},
		{Code: remainder, K: uint32(len(places))},
	}
	for i, place := range places {
		program = append(program, unix.SockFilter{Code: jumpEqual, K: uint32(i), Jf: 1}, unix.SockFilter{Code: giveBack, K: place})
	}
	return append(program, unix.SockFilter{Code: giveBack, K: nowhere})
}

// markedTo is a program that sends those datagrams to a place that are marked, and spreads all others.
func (m mark) markedTo(place uint32) []unix.SockFilter {
	return []unix.SockFilter{
		{Code: loadWord, K: 0},
		{Code: jumpEqual, K: binary.BigEndian.Uint32(m[:4]), Jf: 3},
		{Code: loadWord, K: 4},
		{Code: jumpEqual, K: binary.BigEndian.Uint32(m[4:]), Jf: 1},
		{Code: giveBack, K: place},
		{Code: giveBack, K: nowhere},
	}
}

// attach has a program decide from now on. Any socket of the group will do.
func attach(fd int, program []unix.SockFilter) error {
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &p); err != nil {
		return fmt.Errorf("steering datagrams: %w", os.NewSyscallError("setsockopt", err))
	}
	return nil
}

// detach has the kernel spread the datagrams over the group from now on.
func detach(fd int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF, 0))
}
