package express

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Lane is the sockets at one address, and what keeps the datagrams coming to them.
type Lane struct {
	addr   string
	size   int
	server atomic.Pointer[Server]
	chain  *chain
	warn   func(format string, args ...any)

	atWork atomic.Int32 // sockets that datagrams are steered to
	kicks  atomic.Int64 // how often it was told that sockets may have come or gone
	kick   chan struct{}
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once

	sockets []*socket // the rest is of the goroutine that keeps watch
	places  []uint32  // of the sockets in the group
	probe   net.Conn
	steered time.Time // when it had the datagrams come last
	kicked  int64     // what kicks was then
	probed  uint64
	lost    uint32 // datagrams that the sockets had no room for, when it was last looked
	warned  bool
}

const (
	// watchEvery is how often a lane looks whether the datagrams still come to it: any socket that another process opens or closes at the
	// address may change that.
	watchEvery = time.Second
	// retryEvery is how often a lane that has stepped aside tries again.
	retryEvery = 30 * time.Second
	// steerEvery is how often at most a lane takes the datagrams back, unless it was told that something has changed: two processes with
	// express at one address take turns.
	steerEvery = 5 * time.Second
	// arrival is how long a datagram on loopback may take at first, and then patience times as long as before: the loop that reads it may
	// have a whole batch of others to answer, and other processes to wait for.
	arrival  = 20 * time.Millisecond
	patience = 5
	// attempts is how often it is tried to have the datagrams come: at last with half a second for each.
	attempts = 3
	// maxGroup bounds the sockets of a group that are tried.
	maxGroup = 128
)

// Open begins to answer at an address on so many sockets. CoreDNS must have its own socket there. Where the datagrams do not come to the
// lane, it warns, steps aside and tries again later.
func Open(addr string, sockets int, s *Server, warn func(format string, args ...any)) *Lane {
	l := &Lane{addr: addr, size: sockets, chain: newChain(), warn: warn}
	l.kick, l.stop, l.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	l.server.Store(s)
	go l.watch()
	return l
}

// Use has another server answer from now on.
func (l *Lane) Use(s *Server) {
	l.server.Store(s)
	l.kicks.Add(1)
	select {
	case l.kick <- struct{}{}: // sockets may have come or gone
	default:
	}
}

// Sockets returns the number of sockets that datagrams are steered to; 0 while the lane has stepped aside.
func (l *Lane) Sockets() int { return int(l.atWork.Load()) }

// Close leaves the address to CoreDNS, answers what has come until then, and ends.
func (l *Lane) Close() {
	l.once.Do(func() { close(l.stop) })
	<-l.done
}

// watch opens the sockets, and sees to it that datagrams come to them.
func (l *Lane) watch() {
	defer close(l.done)
	defer close(l.chain.jobs)
	for {
		pause := watchEvery
		if err := l.keep(); err != nil {
			if !l.warned {
				l.warn("Express at %s steps aside, queries are answered the ordinary way: %v", l.addr, err)
				l.warned = true
			}
			l.stepAside()
			pause = retryEvery
		} else {
			l.warned = false
		}
		select {
		case <-l.stop:
			l.stepAside()
			return
		case <-l.kick:
		case <-time.After(pause):
		}
	}
}

// keep has the datagrams come to the sockets.
func (l *Lane) keep() error {
	if l.sockets == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	wait := arrival
	if l.places != nil && (l.holds(wait) || l.overloaded() || l.holds(wait*patience)) {
		return nil
	}
	if time.Since(l.steered) < steerEvery && l.kicked == l.kicks.Load() {
		l.atWork.Store(0)
		return nil
	}
	l.steered, l.kicked = time.Now(), l.kicks.Load()
	var err error
	for range attempts {
		if err = l.steer(wait); err == nil {
			l.atWork.Store(int32(len(l.sockets)))
			return nil
		}
		wait *= patience
	}
	return err
}

// open makes the sockets.
func (l *Lane) open() (err error) {
	if l.probe, err = net.Dial("udp", l.reach()); err != nil {
		return err
	}
	for range l.size {
		s, err := open(l, l.addr)
		if err != nil {
			return err
		}
		l.sockets = append(l.sockets, s)
	}
	return nil
}

// reach is where this machine reaches the address.
func (l *Lane) reach() string {
	host, port, err := net.SplitHostPort(l.addr)
	if err != nil {
		return l.addr
	}
	switch ip := net.ParseIP(host); {
	case host == "" || ip != nil && ip.IsUnspecified() && ip.To4() == nil:
		return net.JoinHostPort("::1", port)
	case ip != nil && ip.IsUnspecified():
		return net.JoinHostPort("127.0.0.1", port)
	}
	return l.addr
}

// holds says whether marked datagrams still come to each of the sockets.
func (l *Lane) holds(wait time.Duration) bool {
	for i, s := range l.sockets {
		if l.arrivesAt(uint32(i), wait) != s {
			return false
		}
	}
	return true
}

// overloaded says whether more datagrams come than the sockets have room for: then a marked one may be lost as any other, and nothing is wrong
// with the way.
func (l *Lane) overloaded() bool {
	before := l.lost
	l.lost = 0
	for _, s := range l.sockets {
		l.lost += s.lost()
	}
	return l.lost != before
}

var errNotSteered = errors.New("a datagram to itself does not come to its socket")

// steer finds the places of the sockets in the group, and has the datagrams come there.
func (l *Lane) steer(wait time.Duration) error {
	fd, err := l.sockets[0].descriptor()
	if err != nil {
		return err
	}
	l.places = nil
	places := make([]uint32, len(l.sockets))
	missing := len(places)
	for place := uint32(0); missing > 0; place++ {
		if place == maxGroup {
			return errNotSteered
		}
		if err := attach(fd, markedTo(place)); err != nil {
			return err
		}
		if at := slices.Index(l.sockets, l.arrivesAt(0, wait)); at >= 0 {
			places[at] = place
			missing--
		}
	}
	if err := attach(fd, toPlaces(places)); err != nil {
		return err
	}
	l.places = places
	if !l.holds(wait) {
		l.places = nil
		return errNotSteered
	}
	return nil
}

// arrivesAt sends a marked datagram for the socket of a number, and returns the socket that it comes to, nil when it comes to none of the lane's.
func (l *Lane) arrivesAt(number uint32, wait time.Duration) *socket {
	l.probed++
	b := append([]byte(nil), ownMark[:]...)
	b = binary.BigEndian.AppendUint32(b, number)
	b = binary.BigEndian.AppendUint64(b, l.probed)
	if _, err := l.probe.Write(b); err != nil {
		return nil
	}
	for deadline := time.Now().Add(wait); ; {
		for _, s := range l.sockets {
			if s.seen.Load() == l.probed {
				return s
			}
		}
		if time.Now().After(deadline) {
			return nil
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// stepAside leaves the datagrams to the other sockets of the group, answers what has come, and closes the lane's. Where another process has
// them come to it, that is left as it is.
func (l *Lane) stepAside() {
	l.atWork.Store(0)
	if len(l.sockets) > 0 && (l.places == nil || l.holds(arrival)) {
		if fd, err := l.sockets[0].descriptor(); err == nil {
			attach(fd, toPlaces(l.others()))
		}
	}
	for _, s := range l.sockets {
		s.leave(l.probe.LocalAddr().(*net.UDPAddr).AddrPort())
	}
	if len(l.sockets) > 0 {
		time.Sleep(settle)
	}
	for _, s := range l.sockets {
		s.close()
	}
	if l.probe != nil {
		l.probe.Close()
	}
	l.sockets, l.places, l.probe, l.steered = nil, nil, nil, time.Time{}
}

// settle is how long a datagram may be under way to a socket that was chosen before: the kernel chooses and delivers without a pause.
const settle = 5 * time.Millisecond

// others are the places of the other sockets, as far as they are known: those up to the last of the lane's. The first in the group is
// CoreDNS's, which was there before.
func (l *Lane) others() (others []uint32) {
	if l.places == nil {
		return []uint32{0}
	}
	for place := range slices.Max(l.places) {
		if !slices.Contains(l.places, place) {
			others = append(others, place)
		}
	}
	if others == nil {
		others = []uint32{slices.Max(l.places) + 1} // one that came later, or none
	}
	return others
}

// leave connects the socket to somebody who says nothing, so that what others send goes to the rest of the group, whoever picks.
func (s *socket) leave(to netip.AddrPort) {
	fd, err := s.descriptor()
	if err != nil {
		return
	}
	if family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil && family == unix.AF_INET {
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()})
	} else {
		unix.Connect(fd, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()})
	}
}

// close answers what has come, and ends the loop.
func (s *socket) close() {
	s.closing.Store(true)
	s.conn.SetReadDeadline(time.Now()) // which wakes the loop
	<-s.done
	s.conn.Close()
}
