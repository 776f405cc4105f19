package load

import (
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ids is how many ids DNS has.
const ids = 1 << 16

// line is a socket, and the queries that are under way on it. Ids are given out one after another, so the oldest query is known.
type line struct {
	fd       int
	window   int // how many queries shall be under way, without a rate
	underWay int // queries

	oldest, next uint32 // counted on beyond the ids
	queries      [ids]query
}

// query is a query by its id: when it was due and when it was sent, if it is under way.
type query struct {
	due, sent time.Duration
	underWay  bool
}

// newLine makes a socket that talks to one server only.
func newLine(server netip.AddrPort) (*line, error) {
	family, to := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(server.Port()), Addr: server.Addr().As16()})
	if server.Addr().Is4() {
		family, to = unix.AF_INET, &unix.SockaddrInet4{Port: int(server.Port()), Addr: server.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	const room = 4 << 20 // for the answers that come while the client does something else; root gets it, others what they may have
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room)
	}
	if err := unix.Connect(fd, to); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	return &line{fd: fd}, nil
}

// id is that of the query to be sent after i others.
func (l *line) id(i int) uint16 { return uint16(l.next + uint32(i)) }

// add is told that the next query was sent. There is room for a batch when no more can expire.
func (l *line) add(due, sent time.Duration) {
	l.queries[l.next%ids] = query{due, sent, true}
	l.next++
	l.underWay++
}

// take ends a query, and says when it was due; it is not ok when there is none.
func (l *line) take(id uint16) (due time.Duration, ok bool) {
	q := &l.queries[id]
	if !q.underWay {
		return 0, false
	}
	q.underWay = false
	l.underWay--
	return q.due, true
}

// expire ends the oldest query if it was sent before a time, or if its id will be needed, and says when it was due; it is not ok when there
// is none.
func (l *line) expire(before time.Duration) (due time.Duration, ok bool) {
	for ; l.oldest != l.next; l.oldest++ {
		q := l.queries[l.oldest%ids]
		if q.underWay && (q.sent < before || l.next-l.oldest > ids-batchSize) {
			return l.take(uint16(l.oldest))
		}
		if q.underWay {
			break
		}
	}
	return 0, false
}
