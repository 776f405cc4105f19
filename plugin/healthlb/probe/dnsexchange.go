package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"
)

const (
	// dnsDatagram is how much of a datagram is looked at, in bytes. A reply to a query without EDNS has at most 512 (RFC 1035 section
	// 4.2.1); the rest is for servers that do not keep to that.
	dnsDatagram = 1500

	// maxStrays is how many datagrams are passed over that do not answer the question.
	maxStrays = 1000
)

// socket returns a datagram socket that is connected: it receives what comes from the member only, ICMP errors included.
func (a attempt) socket() (*net.UDPConn, error) {
	var from *net.UDPAddr
	if a.route.From.IsValid() {
		from = net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.route.From, 0))
	}
	return net.DialUDP("udp", from, net.UDPAddrFromAddrPort(a.route.To))
}

// overUDP asks by datagram, a second time when half of the time is over: a datagram may get lost. Unless it is ok, failure is the
// probe's result.
func (q dnsAsked) overUDP(a attempt) (reply dnsReply, failure Result, ok bool) {
	conn, err := a.socket()
	if err != nil {
		return nil, a.connectFailed(err), false
	}
	defer conn.Close()
	defer bind(a.ctx, conn)()

	inbox := dnsInbox{q: q, conn: conn, buf: make([]byte, dnsDatagram)}
	for _, until := range [...]time.Time{a.halfway(), {}} {
		if _, err := conn.Write(q.datagram()); err != nil {
			return nil, a.connectFailed(err), false
		}
		if a.trace != nil {
			a.trace.step("query", "%s %s over UDP from %s", q.typeName(), q.name(), conn.LocalAddr())
		}
		reply, err = inbox.wait(a.ctx, until)
		if err == nil {
			a.answered(reply)
			return reply, Result{}, true
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || a.ctx.Err() != nil {
			break
		}
	}
	return nil, inbox.failed(a, err), false
}

// halfway is when half of the time is over; zero when there is no end to it.
func (a attempt) halfway() time.Time {
	deadline, ok := a.ctx.Deadline()
	if !ok {
		return time.Time{}
	}
	now := time.Now()
	return now.Add(deadline.Sub(now) / 2)
}

// dnsInbox is where the reply to a query comes in.
type dnsInbox struct {
	q      dnsAsked
	conn   *net.UDPConn
	buf    []byte
	strays int // datagrams that did not answer the question
}

var errStrays = errors.New("no answer among them")

// wait returns the reply, which is valid until the next call. It waits until the given time, or else until ctx ends.
func (b *dnsInbox) wait(ctx context.Context, until time.Time) (dnsReply, error) {
	if err := b.conn.SetReadDeadline(until); err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // bind's deadline may just have been overwritten
		return nil, os.ErrDeadlineExceeded
	}
	for b.strays < maxStrays {
		n, err := b.conn.Read(b.buf)
		if err != nil {
			return nil, err
		}
		if b.q.answeredBy(b.buf[:n]) {
			return b.buf[:n], nil
		}
		b.strays++
	}
	return nil, errStrays
}

func (b *dnsInbox) failed(a attempt, err error) Result {
	switch {
	case errors.Is(err, errStrays):
		return fail(fmt.Sprintf("%d replies, none to the question", b.strays))
	case b.strays > 0:
		return a.failed(fmt.Sprintf("%d replies, none to the question", b.strays), err)
	default:
		return a.failed("answer", err)
	}
}

// overTCP asks over a connection. Unless it is ok, failure is the probe's result.
func (q dnsAsked) overTCP(a attempt) (reply dnsReply, failure Result, ok bool) {
	conn, err := a.connect()
	if err != nil {
		return nil, a.connectFailed(err), false
	}
	defer conn.Close()
	defer bind(a.ctx, conn)()

	if _, err := conn.Write(q.message); err != nil {
		return nil, a.failed("query over TCP", err), false
	}
	if a.trace != nil {
		a.trace.step("query", "%s %s over TCP", q.typeName(), q.name())
	}
	reply, err = readDNS(conn)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fail("connection closed (answer over TCP)"), false
	case err != nil:
		return nil, a.failed("answer over TCP", err), false
	case !q.answeredBy(reply):
		return nil, fail("the reply over TCP is not to the question"), false
	}
	a.answered(reply)
	if reply.truncated() {
		return nil, fail("the reply over TCP is truncated"), false
	}
	return reply, Result{}, true
}

// readDNS reads one message as it comes over TCP (RFC 1035 section 4.2.2). Memory grows with what comes, not with what is announced.
func readDNS(r io.Reader) (dnsReply, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	m, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(m) < n {
		err = io.ErrUnexpectedEOF
	}
	return m, err
}

// answered notes the reply.
func (a attempt) answered(r dnsReply) {
	if a.trace == nil {
		return
	}
	cut := ""
	if r.truncated() {
		cut = ", truncated"
	}
	a.trace.step("answer", "%s, %d bytes%s", r.rcodeName(), len(r), cut)
}
