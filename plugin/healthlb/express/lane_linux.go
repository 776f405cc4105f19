package express

import (
	"encoding/binary"
	"errors"
	"net"
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
	mark   mark
	server atomic.Pointer[Server]
	chain  *chain
	warn   func(format string, args ...any)

	atWork atomic.Int32 // sockets that datagrams are steered to
	kicks  atomic.Int64 // how often it was told that sockets may have come or gone
	kick   chan struct{}
	stop   chan struct{}
	left   chan struct{} // closed when no datagram comes to it any more
	done   chan struct{} // closed when it has ended
	once   sync.Once

	leaving sync.WaitGroup // sockets that wait for what was handed on

	sockets []*socket // the rest is of the goroutine that keeps watch
	places  []uint32  // of the sockets in the group
	reach   string    // where this machine reaches the address
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
	// arrival is how long a datagram on loopback may take at first, and then patience times as long: the loop that reads it may have a
	// whole batch of others to answer, and other processes to wait for.
	arrival  = 20 * time.Millisecond
	patience = 5
	// effort is how long it is tried at most to have the datagrams come.
	effort = 2 * time.Second
	// ports is from how many source ports datagrams have to come to their sockets: where the kernel spreads them over two, all of them do
	// once in 65,536 times.
	ports = 16
	// grace is how long a socket waits for queries that were handed on before it closes, as CoreDNS's servers do.
	grace = 5 * time.Second
	// maxGroup bounds the sockets of a group that are tried.
	maxGroup = 128
)

// Open begins to answer at an address on so many sockets, in the place of another lane there, which may be nil and is being closed. CoreDNS must
// have its own socket there. Where the datagrams do not come to the lane, it warns, steps aside and tries again later.
func Open(addr string, sockets int, s *Server, warn func(format string, args ...any), before *Lane) *Lane {
	l := &Lane{addr: addr, size: sockets, mark: newMark(), chain: newChain(), warn: warn}
	l.kick, l.stop, l.left, l.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{}), make(chan struct{})
	l.server.Store(s)
	go l.watch(before)
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

// watch opens the sockets, when the lane before has left, and sees to it that datagrams come to them.
func (l *Lane) watch(before *Lane) {
	defer close(l.done)
	defer close(l.chain.jobs)
	defer l.leaving.Wait()
	defer close(l.left)
	if before != nil {
		<-before.left
	}
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
	if l.places != nil && (l.holds(arrival) || l.holds(arrival*patience)) {
		l.atWork.Store(int32(len(l.sockets)))
		return nil
	}
	if l.places != nil && l.overloaded() {
		return nil
	}
	l.atWork.Store(0)
	if time.Since(l.steered) < steerEvery && l.kicked == l.kicks.Load() {
		return nil
	}
	l.steered, l.kicked = time.Now(), l.kicks.Load()
	var err error
	for wait, until := arrival, time.Now().Add(effort); !l.stopped() && time.Now().Before(until); wait *= patience {
		if err = l.steer(wait, until); err == nil {
			l.atWork.Store(int32(len(l.sockets)))
			return nil
		}
	}
	if l.overloaded() {
		return nil // and is tried again
	}
	return err
}

func (l *Lane) stopped() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// open makes the sockets.
func (l *Lane) open() (err error) {
	if l.reach, err = reachable(l.addr); err != nil {
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

// reachable returns where this machine reaches what listens at an address.
func reachable(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	hosts := []string{host}
	switch ip := net.ParseIP(host); {
	case host == "" || ip != nil && ip.IsUnspecified() && ip.To4() == nil:
		hosts = []string{"::1", "127.0.0.1"} // the first may not be there
	case ip != nil && ip.IsUnspecified():
		hosts = []string{"127.0.0.1"}
	}
	for _, host := range hosts {
		var conn net.Conn
		if conn, err = net.Dial("udp", net.JoinHostPort(host, port)); err == nil {
			conn.Close()
			return net.JoinHostPort(host, port), nil
		}
	}
	return "", err
}

// holds says whether marked datagrams still come to each of the sockets, whatever port they come from.
func (l *Lane) holds(wait time.Duration) bool {
	for i, s := range l.sockets {
		for range max(1, ports/len(l.sockets)) {
			if l.arrivesAt(uint32(i), wait) != s {
				return false
			}
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
func (l *Lane) steer(wait time.Duration, until time.Time) error {
	fd, err := l.sockets[0].descriptor()
	if err != nil {
		return err
	}
	l.places = nil
	places, found := make([]uint32, len(l.sockets)), make([]bool, len(l.sockets))
	for place, missing := uint32(0), len(places); missing > 0; place++ {
		if place == maxGroup || l.stopped() || time.Now().After(until) {
			return errNotSteered
		}
		if err := attach(fd, l.mark.markedTo(place)); err != nil {
			return err
		}
		if at := l.allArriveAt(wait); at >= 0 && !found[at] {
			places[at], found[at] = place, true
			missing--
		}
	}
	if err := attach(fd, l.mark.toPlaces(places)); err != nil {
		return err
	}
	if !l.holds(wait) {
		return errNotSteered
	}
	l.places = places
	return nil
}

// allArriveAt returns the number of the socket that all marked datagrams come to, and -1 when there is none.
func (l *Lane) allArriveAt(wait time.Duration) int {
	first := l.arrivesAt(0, wait)
	if first == nil {
		return -1
	}
	for range ports - 1 {
		if l.arrivesAt(0, wait) != first {
			return -1
		}
	}
	return slices.Index(l.sockets, first)
}

// arrivesAt sends a marked datagram for the socket of a number from a port of its own, and returns the socket that it comes to, nil when it
// comes to none of the lane's.
func (l *Lane) arrivesAt(number uint32, wait time.Duration) *socket {
	conn, err := net.Dial("udp", l.reach)
	if err != nil {
		return nil
	}
	defer conn.Close()
	l.probed++
	b := append([]byte(nil), l.mark[:]...)
	b = binary.BigEndian.AppendUint32(b, number)
	b = binary.BigEndian.AppendUint64(b, l.probed)
	if _, err := conn.Write(b); err != nil {
		return nil
	}
	for deadline := time.Now().Add(wait); !l.stopped(); {
		for _, s := range l.sockets {
			if s.seen.Load() == l.probed {
				return s
			}
		}
		if time.Now().After(deadline) {
			return nil
		}
		time.Sleep(100 * time.Microsecond)
	}
	return nil
}

// stepAside leaves the datagrams to the other sockets of the group, answers what has come, and closes the lane's as soon as all is answered that
// was handed on. Where another process has the datagrams come to it, that is left as it is.
func (l *Lane) stepAside() {
	atWork := l.atWork.Swap(0) > 0
	if len(l.sockets) == 0 {
		return
	}
	fd, err := l.sockets[0].descriptor()
	ours := err == nil && (atWork || l.places == nil)
	if ours {
		attach(fd, l.mark.toPlaces(l.others()))
	}
	for _, s := range l.sockets {
		s.leave(l.reach)
	}
	time.Sleep(settle)
	for _, s := range l.sockets {
		s.end()
	}
	if ours {
		detach(fd)
	}
	for _, s := range l.sockets {
		l.leaving.Go(s.close)
	}
	l.sockets, l.places, l.steered = nil, nil, time.Time{}
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

// leave connects the socket to somebody who says nothing, so that the kernel gives it nothing that others send, unless a program picks it.
func (s *socket) leave(reach string) {
	nobody, err := net.Dial("udp", reach)
	if err != nil {
		return
	}
	defer nobody.Close()
	to := nobody.LocalAddr().(*net.UDPAddr).AddrPort()
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

// end answers what has come, and ends the loop.
func (s *socket) end() {
	s.closing.Store(true)
	s.conn.SetReadDeadline(time.Now()) // which wakes the loop
	<-s.done
}

// close closes the socket as soon as what was handed on is answered.
func (s *socket) close() {
	answered := make(chan struct{})
	go func() {
		s.handed.Wait()
		close(answered)
	}()
	select {
	case <-answered:
	case <-time.After(grace):
	}
	s.conn.Close()
}
