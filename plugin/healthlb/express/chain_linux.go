package express

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"
)

const (
	// maxUnderWay is how many queries may be under way that were handed on. CoreDNS has no bound; one that waits 5 s for another server at a
	// thousand queries a second needs 5,000.
	maxUnderWay = 8192
	// maxIdle is how many goroutines wait for more to do. A new one costs more, as its stack has to grow first.
	maxIdle = 64
)

// chain has queries answered by CoreDNS's plugins, each in a goroutine.
type chain struct {
	jobs     chan *job
	underWay atomic.Int32
	idle     atomic.Int32
}

// job is a query on its way through the plugins.
type job struct {
	envelope
	handler  dns.Handler
	query    [querySize]byte
	lenQuery int
}

// envelope is where a reply goes, and from where.
type envelope struct {
	socket              replier
	name                [nameSize]byte
	control             [controlSize]byte
	lenName, lenControl int
}

// replier sends a reply to a client, as the system names it.
type replier interface {
	reply(b, name, control []byte) error
	localAddr() net.Addr
	begun() // a query is under way to whom it will reply
	ended() // and is so no more
}

var jobs = sync.Pool{New: func() any { return new(job) }}

func newChain() *chain { return &chain{jobs: make(chan *job)} }

// hand hands a query on. It says false when too many are under way.
func (c *chain) hand(s replier, h dns.Handler, query, name, control []byte) bool {
	if c.underWay.Add(1) > maxUnderWay {
		c.underWay.Add(-1)
		return false
	}
	j := jobs.Get().(*job)
	j.socket, j.handler = s, h
	j.lenQuery, j.lenName, j.lenControl = copy(j.query[:], query), copy(j.name[:], name), copy(j.control[:], control)
	s.begun()
	select {
	case c.jobs <- j:
	default:
		go c.work(j)
	}
	return true
}

// work serves a query, and then others as long as not too many are idle.
func (c *chain) work(j *job) {
	for {
		c.serve(j)
		j.socket.ended()
		jobs.Put(j)
		c.underWay.Add(-1)
		if c.idle.Add(1) > maxIdle {
			c.idle.Add(-1)
			return
		}
		next, ok := <-c.jobs
		c.idle.Add(-1)
		if !ok {
			return
		}
		j = next
	}
}

// serve answers a query, whose header was found good, as the DNS library's server does.
func (c *chain) serve(j *job) {
	addr, _ := readName(j.name[:j.lenName])
	w := &writer{envelope: j.envelope, remote: net.UDPAddrFromAddrPort(addr)}
	q := new(dns.Msg)
	if err := q.Unpack(j.query[:j.lenQuery]); err != nil {
		q.SetRcodeFormatError(q)
		q.Zero = false
		q.Answer, q.Ns, q.Extra = nil, nil, nil
		w.WriteMsg(q)
		return
	}
	j.handler.ServeDNS(w, q)
}

// writer is the dns.ResponseWriter of a query. It is nobody else's, since a plugin may hold on to it.
type writer struct {
	envelope
	remote *net.UDPAddr
}

func (w *writer) LocalAddr() net.Addr  { return w.socket.localAddr() }
func (w *writer) RemoteAddr() net.Addr { return w.remote }

func (w *writer) WriteMsg(m *dns.Msg) error {
	b, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func (w *writer) Write(b []byte) (int, error) {
	if err := w.socket.reply(b, w.name[:w.lenName], w.control[:w.lenControl]); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (*writer) Close() error        { return nil }
func (*writer) TsigStatus() error   { return nil }
func (*writer) TsigTimersOnly(bool) {}
func (*writer) Hijack()             {}
