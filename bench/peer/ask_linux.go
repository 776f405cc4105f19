package peer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// FreePort returns a port of 127.0.0.1 at which nobody listens, neither over UDP nor over TCP.
func FreePort() (uint16, error) {
	for range 100 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		at := l.Addr().(*net.TCPAddr).AddrPort()
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		l.Close()
		if err == nil {
			conn.Close()
			return at.Port(), nil
		}
	}
	return 0, errors.New("no port is free for both UDP and TCP")
}

// Question returns a query as it goes over the wire, without EDNS and without asking for recursion. Its id is 0.
func Question(name string, qtype uint16) []byte {
	wire, err := question(name, qtype).Pack()
	if err != nil {
		panic(fmt.Sprintf("%q: %v", name, err)) // no name of a measurement is wrong
	}
	return wire
}

// QuestionDO returns a query that asks for signatures as well.
func QuestionDO(name string, qtype uint16) []byte {
	q := question(name, qtype)
	q.SetEdns0(4096, true)
	wire, err := q.Pack()
	if err != nil {
		panic(fmt.Sprintf("%q: %v", name, err))
	}
	return wire
}

func question(name string, qtype uint16) *dns.Msg {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), qtype)
	q.Id, q.RecursionDesired = 0, false
	return q
}

// WaitAnswer asks over UDP until there is an answer with at least one record in it. It is an error, with what the process has written,
// when it ends before that or the deadline passes.
func WaitAnswer(p *Process, server netip.AddrPort, name string, qtype uint16, deadline time.Duration) error {
	return WaitReply(p, server, Question(name, qtype), deadline, func(reply *dns.Msg) error {
		if reply.Rcode != dns.RcodeSuccess || len(reply.Answer) == 0 {
			return fmt.Errorf("%s with %d answers", dns.RcodeToString[reply.Rcode], len(reply.Answer))
		}
		return nil
	})
}

// WaitReply asks over UDP until ok has nothing against the reply. Like WaitAnswer it fails when the process ends or is late.
func WaitReply(p *Process, server netip.AddrPort, query []byte, deadline time.Duration, ok func(*dns.Msg) error) error {
	return waitMessage(p, server, query, deadline, func(message []byte) error {
		reply, err := unpack(message)
		if err != nil {
			return err
		}
		return ok(reply)
	})
}

// waitMessage is WaitReply with the reply as it came over the wire.
func waitMessage(p *Process, server netip.AddrPort, query []byte, deadline time.Duration, ok func([]byte) error) error {
	end := time.Now().Add(deadline)
	for {
		message, err := exchange(server, query, time.Second)
		if err == nil {
			err = ok(message)
		}
		if err == nil {
			return nil
		}
		if err := p.Alive(); err != nil {
			return fmt.Errorf("%s: %w", p.cmd.Path, err)
		}
		time.Sleep(5 * time.Millisecond)
		if time.Now().After(end) {
			return fmt.Errorf("%s gives no right answer after %v: %w; it wrote:\n%s", p.cmd.Path, deadline, err, p.lastWords())
		}
	}
}

// Ask sends one query over UDP and returns the reply.
func Ask(server netip.AddrPort, query []byte, timeout time.Duration) (*dns.Msg, error) {
	message, err := exchange(server, query, timeout)
	if err != nil {
		return nil, err
	}
	return unpack(message)
}

func unpack(message []byte) (*dns.Msg, error) {
	reply := new(dns.Msg)
	return reply, reply.Unpack(message)
}

// exchange sends one query over UDP and returns the message that comes.
func exchange(server netip.AddrPort, query []byte, timeout time.Duration) ([]byte, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, dns.MaxMsgSize)
	n, err := conn.Read(buf)
	return buf[:n], err
}

// lastWords is the end of what it has written: some write a line for each of 30,000 members.
func (p *Process) lastWords() string {
	log := p.Log()
	return log[max(0, len(log)-2000):]
}
