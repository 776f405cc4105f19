package express

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/coredns/coredns/plugin/pkg/reuseport"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"example.org/healthlb/plugin/healthlb/answer"
)

// socket is one socket of a lane, and the loop that serves it.
type socket struct {
	lane *Lane
	conn *net.UDPConn
	raw  interface {
		Read(func(fd uintptr) bool) error
		Control(func(fd uintptr)) error
	}
	seen    atomic.Uint64 // the number of the last marked datagram that came
	closing atomic.Bool
	done    chan struct{}  // closed when the loop has ended
	handed  sync.WaitGroup // queries under way that were handed on

	// The rest is of the loop.
	queries  [BatchSize]Query
	from     [BatchSize]origin // of queries
	answerer Answerer
	counts   Counts
	counted  *Server // whose answerer and counts these are
	pending  bool    // there are counts
}

// receiveBuffer is room, in bytes, for what comes while the loop cannot run: while a large Corefile is taken over on one core that is up to
// some 100 ms. A small datagram takes 768 bytes of it on Linux.
const receiveBuffer = 4 << 20

// open makes a socket at an address. It takes part in the group at once.
func open(l *Lane, addr string) (*socket, error) {
	packets, err := reuseport.ListenPacket("udp", addr) // as CoreDNS does
	if err != nil {
		return nil, err
	}
	s := &socket{lane: l, conn: packets.(*net.UDPConn), done: make(chan struct{})}
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		s.conn.Close()
		return nil, err
	}
	s.conn.SetReadBuffer(receiveBuffer) // as much of it as the system allows; the default will do otherwise
	anyAddress := s.conn.LocalAddr().(*net.UDPAddr).IP.IsUnspecified()
	fd, err := s.descriptor()
	if err == nil && anyAddress {
		err = tellDestinations(fd)
	}
	if err != nil {
		s.conn.Close()
		return nil, err
	}
	go s.serve(newBatch(fd, anyAddress))
	return s, nil
}

func (s *socket) descriptor() (descriptor int, err error) {
	err = s.raw.Control(func(fd uintptr) { descriptor = int(fd) })
	return descriptor, err
}

// tellDestinations has datagrams tell to which address they were sent.
func tellDestinations(fd int) error {
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if family == unix.AF_INET {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_PKTINFO, 1))
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVPKTINFO, 1))
}

// flushEvery is after how many batches counts are told while there is always something to do.
const flushEvery = 256

// serve answers what comes until the socket is closed, or, once it is closing, until there is nothing left.
func (s *socket) serve(b *batch) {
	defer close(s.done)
	batches := 0
	for {
		var failure error
		err := s.raw.Read(func(uintptr) bool {
			for {
				n, err := b.receive()
				if err != nil {
					failure = err
					return true
				}
				if n == 0 {
					s.flush()
					return s.closing.Load()
				}
				s.handle(b, n)
				if batches++; batches%flushEvery == 0 {
					s.flush()
				}
				if s.closing.Load() {
					return true
				}
				runtime.Gosched() // a loop that has always something to do is not to hold up probes, or what was handed on
			}
		})
		switch {
		case s.closing.Load():
			s.drain(b)
			return
		case err != nil || failure != nil:
			time.Sleep(time.Millisecond) // out of memory, say: not as fast as the processor can
		}
	}
}

// drain answers what is left: as much as fits into a large receive buffer at most, as the sender may be one that does not stop.
func (s *socket) drain(b *batch) {
	const most = 4096 // batches
	s.raw.Control(func(uintptr) {
		for range most {
			n, err := b.receive()
			if n == 0 || err != nil {
				return
			}
			s.handle(b, n)
		}
	})
	s.flush()
}

// handle answers the n datagrams of a batch, or hands them on.
func (s *socket) handle(b *batch, n int) {
	server := s.lane.server.Load()
	if s.counted != server {
		s.flush()
		s.counted, s.answerer, s.counts.Answered = server, server.Answerer(), make([]Answered, server.Zones)
	}
	now, found := time.Now(), 0
	for i := range n {
		query := b.query(i)
		if reply, whole := s.byHeader(query); whole {
			if reply != nil {
				b.add(i, reply)
			}
			continue
		}
		q := &s.queries[found]
		if !q.Read(query) {
			s.handOn(b, i)
			continue
		}
		from, v6 := b.client(i)
		q.Client, q.Now = from.Addr(), now
		s.from[found] = origin{i, v6}
		found++
	}
	answering := s.find(found)
	for i := range found {
		q, from := &s.queries[i], s.from[i]
		var reply []byte
		if answering {
			reply = s.replyTo(q, i, b.packed[i])
		}
		if reply == nil {
			s.handOn(b, from.datagram)
			continue
		}
		b.add(from.datagram, reply)
		s.count(q, from.v6)
	}
	s.pending = true
	if n < BatchSize {
		s.answerer.Flush()
	}
	b.send()
}

// origin is where a query of a batch came from.
type origin struct {
	datagram int
	v6       bool
}

// handOn has CoreDNS answer datagram i of a batch.
func (s *socket) handOn(b *batch, i int) {
	if s.lane.chain.hand(s, s.counted.Chain, b.query(i), b.name(i), b.control(i)) {
		s.counts.HandedOn++
	} else {
		s.counts.Dropped++
	}
}

// find has the first queries looked up. It says false when that panics: they are handed on then.
func (s *socket) find(queries int) (ok bool) {
	defer func() {
		if why := recover(); why != nil {
			s.counted.Panicked(why)
			ok = false
		}
	}()
	s.answerer.Find(s.queries[:queries])
	return true
}

// replyTo makes the reply to a query, or nil, also when that panics.
func (s *socket) replyTo(q *Query, i int, p *answer.Packed) (reply []byte) {
	defer func() {
		if why := recover(); why != nil {
			s.counted.Panicked(why)
			reply = nil
		}
	}()
	return Reply(s.answerer, q, i, p)
}

// lost returns how many datagrams had no room in the socket up to now (SO_MEMINFO, its SK_MEMINFO_DROPS).
func (s *socket) lost() (n uint32) {
	const drops = 8
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	s.raw.Control(func(fd uintptr) {
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 {
			n = info[drops]
		}
	})
	return n
}

// byHeader deals with what its header says is no query for anybody here: replies are dropped, and what the DNS library's server would refuse for
// its header is refused, in place. It says whether that is all.
func (s *socket) byHeader(query []byte) (reply []byte, whole bool) {
	if len(query) < headerSize {
		return nil, true
	}
	var h dns.Header
	h.Bits = binary.BigEndian.Uint16(query[2:])
	h.Qdcount, h.Ancount = binary.BigEndian.Uint16(query[4:]), binary.BigEndian.Uint16(query[6:])
	h.Nscount, h.Arcount = binary.BigEndian.Uint16(query[8:]), binary.BigEndian.Uint16(query[10:])
	rcode := dns.RcodeFormatError
	switch dns.DefaultMsgAcceptFunc(h) {
	case dns.MsgAccept:
		return nil, false
	case dns.MsgIgnore:
		if len(query) == markedSize && mark(query[:len(mark{})]) == s.lane.mark {
			s.seen.Store(binary.BigEndian.Uint64(query[len(mark{})+4:]))
		}
		return nil, true
	case dns.MsgReject:
		h.Bits &^= opcodeBits
	case dns.MsgRejectNotImplemented:
		rcode = dns.RcodeNotImplemented
	}
	s.counts.Refused++
	bits := h.Bits&^clearedBits | responseBit | uint16(rcode)
	binary.BigEndian.PutUint16(query[2:], bits)
	clear(query[4:headerSize])
	return query[:headerSize], true
}

// The bits of a header (RFC 1035 section 4.1.1).
const (
	headerSize  = 12
	responseBit = 1 << 15
	opcodeBits  = 0xf << 11
	clearedBits = 1<<10 | 1<<6 | 0xf // AA, Z and RCODE, which the library's reply does not take over
)

// count counts an answer.
func (s *socket) count(q *Query, v6 bool) {
	c := &s.counts.Answered[q.Zone]
	family, asked := 0, 0
	if v6 {
		family = 1
	}
	if q.Type == dns.TypeAAAA {
		asked = 1
	}
	c.ByType[family][asked]++
	if q.Flags&doBit != 0 {
		c.DO++
	}
}

const doBit = 1 << 15 // of the flags of an OPT record (RFC 6891 section 6.1.4)

// flush has what was counted told.
func (s *socket) flush() {
	if s.pending {
		s.answerer.Flush()
		s.counted.Count(&s.counts)
		clear(s.counts.Answered)
		s.counts = Counts{Answered: s.counts.Answered}
		s.pending = false
	}
}

func (s *socket) begun() { s.handed.Add(1) }
func (s *socket) ended() { s.handed.Done() }

func (s *socket) localAddr() net.Addr { return s.conn.LocalAddr() }

// reply sends a reply of the chain.
func (s *socket) reply(b, name, control []byte) (err error) {
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(len(b))
	h := unix.Msghdr{Name: &name[0], Namelen: uint32(len(name)), Iov: &v}
	h.SetIovlen(1)
	if len(control) > 0 {
		h.Control = &control[0]
		h.SetControllen(len(control))
	}
	controlled := s.raw.Control(func(fd uintptr) {
		for {
			_, _, errno := unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&h)), unix.MSG_DONTWAIT)
			switch {
			case errno == 0:
				return
			case errno == unix.EINTR, errno == unix.EAGAIN && hasRoom(int(fd)):
			default:
				err = os.NewSyscallError("sendmsg", errno)
				return
			}
		}
	})
	return errors.Join(controlled, err)
}
