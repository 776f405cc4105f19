package express

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/coredns/plugin/pkg/reuseport"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"example.org/healthlb/plugin/healthlb/answer"
)

// ordinary is what CoreDNS has at an address: the DNS library's server, on a socket that others may join.
type ordinary struct {
	addr    string
	answers atomic.Int64
	server  *dns.Server
}

// who names who has answered, in the answer.
const (
	byExpress  = "192.0.2.1"
	byChain    = "192.0.2.2"
	byOrdinary = "192.0.2.3"
)

func startOrdinary(t *testing.T, addr string) *ordinary {
	t.Helper()
	conn, err := reuseport.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	host, _, _ := net.SplitHostPort(addr)
	o := &ordinary{addr: net.JoinHostPort(host, port)}
	up := make(chan struct{})
	o.server = &dns.Server{PacketConn: conn, NotifyStartedFunc: func() { close(up) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		o.answers.Add(1)
		w.WriteMsg(replyBy(byOrdinary, r))
	})}
	go o.server.ActivateAndServe()
	<-up
	t.Cleanup(o.stop)
	return o
}

func (o *ordinary) stop() { o.server.Shutdown() }

func replyBy(who string, r *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(r)
	m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.ParseIP(who)}}
	return m
}

// known is a server that can answer for A of names that begin with k.
type known struct {
	Server
	mu     sync.Mutex // guards counts
	counts Counts
	panics atomic.Int32
}

func newKnown() *known {
	k := new(known)
	set := answer.NewRRset("known.example.org.", []netip.Addr{netip.MustParseAddr(byExpress)}, answer.TTLs{Normal: 30}, false)
	k.Answerer = func() Answerer { return knows{&set} }
	k.Chain = dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) { w.WriteMsg(replyBy(byChain, r)) })
	k.Zones, k.Panicked = 1, func(any) { k.panics.Add(1) }
	k.Count = func(c *Counts) {
		k.mu.Lock()
		defer k.mu.Unlock()
		for i, n := range []uint64{c.Answered[0].ByType[0][0], c.Answered[0].ByType[1][0]} {
			if k.counts.Answered == nil {
				k.counts.Answered = make([]Answered, 1)
			}
			k.counts.Answered[0].ByType[i][0] += n
		}
		k.counts.HandedOn += c.HandedOn
		k.counts.Dropped += c.Dropped
		k.counts.Refused += c.Refused
	}
	return k
}

// knows answers with the same set for whatever is known.
type knows struct{ set *answer.RRset }

func (knows) Find([]Query) {}

func (knows) Flush() {}

func (k knows) Answer(q *Query, _ int, reply *answer.Packed) (answer.Notes, bool) {
	switch q.Lower[1] {
	case 'k':
		reply.AddRun(k.set, 0, 1, false)
		return 0, true
	case 'p':
		panic("a name that begins with p")
	}
	return 0, false
}

func (k *known) answered() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.counts.Answered == nil {
		return 0
	}
	return k.counts.Answered[0].ByType[0][0] + k.counts.Answered[0].ByType[1][0]
}

// openLane opens a lane until the test ends, and waits until it is at work.
func openLane(t *testing.T, addr string, sockets int, k *known) *Lane {
	t.Helper()
	l := Open(addr, sockets, &k.Server, func(format string, args ...any) { t.Logf(format, args...) }, nil)
	t.Cleanup(l.Close)
	until(t, "the lane is at work", func() bool { return l.Sockets() == sockets })
	return l
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so after 30 s: %s", what)
		}
	}
}

// ask returns who answers.
func ask(t *testing.T, addr, name string, qtype uint16) string {
	t.Helper()
	m, err := dns.Exchange(new(dns.Msg).SetQuestion(name, qtype), addr)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Answer) == 0 {
		return dns.RcodeToString[m.Rcode]
	}
	return m.Answer[0].(*dns.A).A.String()
}

func TestLane(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("serves", func(t *testing.T) {
		for _, sockets := range []int{1, 3} {
			t.Run(fmt.Sprint(sockets), func(t *testing.T) {
				o, k := startOrdinary(t, "127.0.0.1:0"), newKnown()
				l := openLane(t, o.addr, sockets, k)
				for i := range 40 {
					if who := ask(t, o.addr, "known.example.org.", dns.TypeA); who != byExpress {
						t.Fatalf("query %d was answered by %s", i, who)
					}
				}
				if who := ask(t, o.addr, "other.example.org.", dns.TypeA); who != byChain {
					t.Errorf("what the lane does not know was answered by %s", who)
				}
				if who := ask(t, o.addr, "panic.example.org.", dns.TypeA); who != byChain || k.panics.Load() != 1 {
					t.Errorf("after %d panics: %s", k.panics.Load(), who)
				}
				if who := ask(t, o.addr, "known.example.org.", dns.TypeMX); who != byChain {
					t.Errorf("another type was answered by %s", who)
				}
				until(t, "all is counted", func() bool { return k.answered() == 40 })
				l.Close()
				if who := ask(t, o.addr, "known.example.org.", dns.TypeA); who != byOrdinary {
					t.Errorf("after its end: %s", who)
				}
				if o.answers.Load() != 1 {
					t.Errorf("the ordinary socket was asked %d times", o.answers.Load())
				}
			})
		}
	})
}

// TestSource: a reply comes from the address that was asked, where the socket has none of its own.
func TestSource(t *testing.T) {
	for listen, asked := range map[string][]string{
		"0.0.0.0:0": {"127.0.0.1", "127.0.0.2", "127.1.2.3"}, "[::]:0": {"127.0.0.1", "127.0.0.2", "::1"}, "127.0.0.9:0": {"127.0.0.9"}, "[::1]:0": {"::1"},
	} {
		t.Run(listen, func(t *testing.T) {
			o := startOrdinary(t, listen)
			openLane(t, o.addr, 1, newKnown())
			_, port, _ := net.SplitHostPort(o.addr)
			for _, addr := range asked {
				for name, want := range map[string]string{"known.example.org.": byExpress, "other.example.org.": byChain} {
					// The socket is connected, so that the kernel drops what comes from another address.
					if who := ask(t, net.JoinHostPort(addr, port), name, dns.TypeA); who != want {
						t.Errorf("%s at %s was answered by %s", name, addr, who)
					}
				}
			}
		})
	}
}

// asking has clients ask all the time, until stop is called, which returns how many queries had no answer, and how often each answered.
func asking(t *testing.T, addr string, clients int) (stop func() (lost int, by map[string]int)) {
	t.Helper()
	var mu sync.Mutex
	lost, by := 0, make(map[string]int)
	done := make(chan struct{})
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				name := []string{"known.example.org.", "other.example.org."}[(i+n)%2]
				c := dns.Client{Timeout: 10 * time.Second}
				m, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), addr)
				mu.Lock()
				if err != nil {
					lost++
				} else {
					by[m.Answer[0].(*dns.A).A.String()]++
				}
				mu.Unlock()
			}
		})
	}
	return func() (int, map[string]int) {
		close(done)
		all.Wait()
		return lost, by
	}
}

// TestOpenAndClose: lanes come and go under load, and no query is lost.
func TestOpenAndClose(t *testing.T) {
	o, k := startOrdinary(t, "127.0.0.1:0"), newKnown()
	stop := asking(t, o.addr, 8)
	for i := range 20 {
		l := Open(o.addr, 1+i%3, &k.Server, t.Logf, nil)
		until(t, "the lane is at work", func() bool { return l.Sockets() == 1+i%3 })
		before := k.answered()
		until(t, "it answers", func() bool { return k.answered() > before+20 })
		l.Close()
	}
	lost, by := stop()
	if lost > 0 || by[byExpress] == 0 || by[byOrdinary] == 0 {
		t.Errorf("%d queries were lost; answered by %v", lost, by)
	}
}

// TestGroupChanges: other sockets at the address, as of another process, come and go. The lane finds its place again.
func TestGroupChanges(t *testing.T) {
	first, k := startOrdinary(t, "127.0.0.1:0"), newKnown()
	second := startOrdinary(t, first.addr)
	l := openLane(t, first.addr, 2, k)
	third := startOrdinary(t, first.addr)
	for name, change := range map[string]func(){"the one before it goes": first.stop, "another one goes": second.stop, "one comes": func() { startOrdinary(t, first.addr) }} {
		change()
		l.Use(&k.Server)
		before := third.answers.Load()
		until(t, name+", and the lane is asked", func() bool {
			old := k.answered()
			for range 10 {
				ask(t, first.addr, "known.example.org.", dns.TypeA)
			}
			time.Sleep(5 * time.Millisecond) // for the counts
			return k.answered() == old+10
		})
		t.Logf("%s: %d queries came to the ordinary socket", name, third.answers.Load()-before)
	}
}

// TestTwoLanes: two processes with express at one address do not lose a query, whoever of them gets it.
func TestTwoLanes(t *testing.T) {
	o, a, b := startOrdinary(t, "127.0.0.1:0"), newKnown(), newKnown()
	stop := asking(t, o.addr, 4)
	la := openLane(t, o.addr, 1, a)
	lb := openLane(t, o.addr, 1, b)
	until(t, "the second answers", func() bool { return b.answered() > 100 })
	lb.Close()
	before := a.answered()
	until(t, "the first answers again", func() bool { return a.answered() > before+1000 })
	la.Close()
	if lost, by := stop(); lost > 0 {
		t.Errorf("%d queries were lost, answered by %v", lost, by)
	}
}

// TestStepsAside: where it cannot have sockets, a lane says so once, and leaves everything to the ordinary one.
func TestStepsAside(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0") // which lets nobody join
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	warnings := make(chan string, 10)
	l := Open(conn.LocalAddr().String(), 1, &newKnown().Server, func(format string, args ...any) { warnings <- fmt.Sprintf(format, args...) }, nil)
	select {
	case w := <-warnings:
		if !strings.Contains(w, "steps aside") || !strings.Contains(w, "address already in use") {
			t.Errorf("it warns: %s", w)
		}
	case <-time.After(30 * time.Second):
		t.Error("no warning")
	}
	if l.Sockets() != 0 {
		t.Errorf("%d sockets are at work", l.Sockets())
	}
	l.Close()
}

// TestJunk: what is no query is dropped or refused, and costs no memory.
func TestJunk(t *testing.T) {
	o, k := startOrdinary(t, "127.0.0.1:0"), newKnown()
	openLane(t, o.addr, 1, k)
	conn, err := net.Dial("udp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	junk := [][]byte{
		{}, {0}, make([]byte, 11), // no header
		append([]byte{1, 2, 0x80, 0}, make([]byte, 500)...),    // a response
		append([]byte{1, 2, 0x28, 0}, make([]byte, 500)...),    // an update
		append([]byte{1, 2, 0, 0, 0, 2}, make([]byte, 500)...), // two questions
		append([]byte{1, 2, 0x78, 0}, make([]byte, 1400)...),   // no opcode, and too long
	}
	const rounds = 2000
	buf := make([]byte, 600)
	refused := 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		for _, j := range junk {
			conn.Write(j)
		}
		for range 3 {
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if n != 12 || buf[2]&0x80 == 0 {
				t.Fatalf("a reply %x", buf[:n])
			}
			refused++
		}
	}
	runtime.ReadMemStats(&after)
	if each := float64(after.Mallocs-before.Mallocs) / (rounds * float64(len(junk))); each > 1 { // SetReadDeadline has some of its own
		t.Errorf("%.2f allocations for each piece of junk", each)
	}
	if who := ask(t, o.addr, "known.example.org.", dns.TypeA); who != byExpress {
		t.Errorf("afterwards: %s", who)
	}
}

// TestHandedOn: queries under way that were handed on are answered, although their lane is closed, and another one opens in its place at once.
func TestHandedOn(t *testing.T) {
	o, k := startOrdinary(t, "127.0.0.1:0"), newKnown()
	free, waiting := make(chan struct{}), make(chan struct{}, 100)
	k.Chain = dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		waiting <- struct{}{}
		<-free
		w.WriteMsg(replyBy(byChain, r))
	})
	l := openLane(t, o.addr, 1, k)
	answers := make(chan string, 10)
	for range cap(answers) {
		go func() {
			m, _, err := (&dns.Client{Timeout: 30 * time.Second}).Exchange(new(dns.Msg).SetQuestion("other.example.org.", dns.TypeA), o.addr)
			if err != nil {
				answers <- err.Error()
				return
			}
			answers <- m.Answer[0].(*dns.A).A.String()
		}()
	}
	for range cap(answers) {
		<-waiting
	}
	closed := make(chan struct{})
	go func() {
		l.Close()
		close(closed)
	}()
	next := Open(o.addr, 2, &k.Server, t.Logf, l)
	defer next.Close()
	until(t, "the next lane is at work", func() bool { return next.Sockets() == 2 })
	if who := ask(t, o.addr, "known.example.org.", dns.TypeA); who != byExpress {
		t.Errorf("meanwhile: %s", who)
	}
	select {
	case <-closed:
		t.Error("the lane was closed with queries under way")
	default:
	}
	close(free)
	for range cap(answers) {
		if who := <-answers; who != byChain {
			t.Errorf("a query that was under way was answered by %s", who)
		}
	}
	<-closed
}

// TestStrangeProgram: a program of somebody else's has the kernel spread the datagrams. The lane sees that, and has them come again.
func TestStrangeProgram(t *testing.T) {
	o, k := startOrdinary(t, "127.0.0.1:0"), newKnown()
	l := openLane(t, o.addr, 1, k)
	other, err := reuseport.ListenPacket("udp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := other.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = attach(int(fd), newMark().toPlaces([]uint32{77})) })
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	until(t, "the lane sees it", func() bool { return l.Sockets() == 0 })
	until(t, "it is at work again", func() bool { return l.Sockets() == 1 })
	before := o.answers.Load()
	for range 50 {
		ask(t, o.addr, "known.example.org.", dns.TypeA)
	}
	if n := o.answers.Load() - before; n > 0 {
		t.Errorf("%d of 50 queries came to the ordinary socket", n)
	}
}

// TestBounded: queries that were handed on and hang do not become more than they may, and do not hold up what the lane can answer.
func TestBounded(t *testing.T) {
	o, k := startOrdinary(t, "127.0.0.1:0"), newKnown()
	var waiting atomic.Int32
	free := make(chan struct{})
	k.Chain = dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		waiting.Add(1)
		<-free
		waiting.Add(-1)
		w.WriteMsg(replyBy(byChain, r))
	})
	openLane(t, o.addr, 1, k)
	conn, err := net.Dial("udp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	q, err := new(dns.Msg).SetQuestion("other.example.org.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	until(t, "queries are dropped", func() bool {
		for range 100 {
			conn.Write(q)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.counts.Dropped > 0
	})
	if n := waiting.Load(); n > maxUnderWay {
		t.Errorf("%d queries are under way", n)
	}
	if who := ask(t, o.addr, "known.example.org.", dns.TypeA); who != byExpress {
		t.Errorf("meanwhile: %s", who)
	}
	close(free)
	until(t, "they are answered", func() bool { return waiting.Load() == 0 })
	until(t, "others are handed on again", func() bool { return ask(t, o.addr, "other.example.org.", dns.TypeA) == byChain })
}
