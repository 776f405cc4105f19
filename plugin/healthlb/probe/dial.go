package probe

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// dialer makes the connections of all checks. Keep-alives are off, since a probe is over long before the first would be sent, and so
// is Happy Eyeballs, since a probe is about one address.
//
// DialContext is used although it needs the address as a string: Dialer.DialTCP binds every socket to port 0 before it connects, which
// takes one of some 28,000 local ports per probe whatever its destination.
var dialer = net.Dialer{KeepAlive: -1, FallbackDelay: -1}

// connect opens a connection, at the latest until the context ends. Closing it resets it (linger 0), so that probing leaves no TIME_WAIT
// behind, neither here nor at the member.
func (a attempt) connect() (*net.TCPConn, error) {
	d := &dialer
	if a.route.From.IsValid() {
		from := dialer
		from.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.route.From, 0))
		from.Control = lateBind
		d = &from
	}
	conn, err := d.DialContext(a.ctx, "tcp", a.route.To.String())
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	if err := tcp.SetLinger(0); err != nil {
		tcp.Close()
		return nil, err
	}
	if a.trace != nil {
		a.trace.step("connect", "from %s", tcp.LocalAddr())
	}
	return tcp, nil
}

// bind makes reads and writes of conn end when ctx does, whether by its deadline or because the target was stopped. The function
// returned undoes that.
func bind(ctx context.Context, conn net.Conn) (release func() bool) {
	return context.AfterFunc(ctx, func() { conn.SetDeadline(longAgo) })
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// routed says whether this host itself has a route. Connecting a datagram socket looks the route up and sends nothing.
func routed(r Route) bool {
	d := new(net.Dialer)
	if r.From.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.From, 0))
	}
	conn, err := d.Dial("udp", r.To.String())
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
