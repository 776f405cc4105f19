package probe

import (
	"errors"
	"io"
	"net"
	"net/netip"
)

// httpVisit is a probe under way: some requests to one address, each over a connection of its own.
type httpVisit struct {
	attempt
	check       *httpCheck
	certificate certificate // of the member; of several the one that runs out first
}

// alpn is what is offered to members that choose their protocol by TLS (RFC 7301 section 6).
var alpn = []string{"http/1.1"}

// ask sends one request, and returns the next one if the answer is a redirect that is followed, else what was found.
func (v *httpVisit) ask(q httpRequest) (Result, *httpRequest) {
	a := v.attempt
	a.route.To = netip.AddrPortFrom(a.route.To.Addr(), q.port)
	conn, err := a.connect()
	if err != nil {
		return a.connectFailed(err), nil
	}
	defer conn.Close()
	defer bind(a.ctx, conn)()
	if !q.secure {
		return v.exchange(q, conn)
	}
	session, err := a.handshake(conn, v.check.files, q.name, alpn)
	v.certificate = v.certificate.and(session.certificate)
	if err != nil {
		return a.handshakeFailed(err), nil
	}
	return v.exchange(q, session.Conn)
}

// exchange asks over a connection that stands.
func (v *httpVisit) exchange(q httpRequest, conn io.ReadWriter) (Result, *httpRequest) {
	x := newExchange(conn)
	defer x.end()
	request := v.check.first
	if request == nil || q.redirects > 0 {
		x.out = v.check.write(x.out[:0], q)
		request = x.out
	}
	if _, err := conn.Write(request); err != nil {
		return v.lost("request", err), nil
	}
	if v.trace != nil {
		v.trace.step("request", "%s %s for host %s", q.method, q.target, q.host)
	}
	resp, err := x.head(q.method)
	if err != nil {
		return v.headLost(x, err), nil
	}
	if v.trace != nil {
		v.trace.step("status", "%s %s", resp.Proto, resp.Status)
	}
	return v.judge(q, resp, x)
}

// lost is the result of a connection that ended with err when more was to be sent or to come.
func (a attempt) lost(phase string, err error) Result {
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" {
		return a.handshakeFailed(err) // by TLS 1.3 the member judges our certificate when we take the handshake to be over
	}
	return a.failed(phase, err)
}
