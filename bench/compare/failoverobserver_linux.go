package main

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/bench/peer"
)

// observer asks a server for names again and again, and notes when its answers begin and cease to name one member of each. It takes no
// heed of TTLs: caches are not what is measured.
type observer struct {
	conn    *net.UDPConn
	queries [][]byte
	members []netip.Addr
	done    sync.WaitGroup
	mu      sync.Mutex // guards seen
	seen    []sight
}

// sight is what the answers for one name have said.
type sight struct {
	first   time.Time // the first answer
	last    time.Time // the one that came last, overtaken or not
	answers int
	naming  int // those with the member
	round   uint16
	changes []change // the first one is the first answer
}

// change is an answer unlike those before.
type change struct {
	at    time.Time
	named bool
}

// A query's id is the name's index in its lower bits, and the round in those above.
const (
	indexBits = 5
	rounds    = 1 << (16 - indexBits)
	allNames  = 1 << indexBits // an observer's most
)

// observe asks for all names every so often, until stop.
func observe(at netip.AddrPort, names []string, members []netip.Addr, every time.Duration) (*observer, error) {
	if len(names) > allNames {
		return nil, errors.New("too many names for one observer")
	}
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	o := &observer{conn: conn, members: members, seen: make([]sight, len(names))}
	for _, name := range names {
		o.queries = append(o.queries, peer.Question(name+".example.org", dns.TypeA))
	}
	o.done.Go(func() { o.ask(every) })
	o.done.Go(o.read)
	return o, nil
}

// stop ends it. What was seen stays.
func (o *observer) stop() {
	o.conn.Close()
	o.done.Wait()
}

func (o *observer) ask(every time.Duration) {
	for round := 1; ; round++ {
		for i, query := range o.queries {
			binary.BigEndian.PutUint16(query, uint16(round%rounds<<indexBits|i))
			if _, err := o.conn.Write(query); errors.Is(err, net.ErrClosed) {
				return
			} // other errors: nobody listens there yet
		}
		time.Sleep(every)
	}
}

func (o *observer) read() {
	buf := make([]byte, dns.MaxMsgSize)
	var reply dns.Msg
	for {
		n, err := o.conn.Read(buf)
		now := time.Now()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || reply.Unpack(buf[:n]) != nil || reply.Rcode != dns.RcodeSuccess || len(reply.Answer) == 0 {
			continue
		}
		if index := int(reply.Id % allNames); index < len(o.seen) {
			o.mu.Lock()
			o.seen[index].note(now, reply.Id>>indexBits, namesMember(&reply, o.members[index]))
			o.mu.Unlock()
		}
	}
}

// namesMember says whether an answer names a member.
func namesMember(reply *dns.Msg, member netip.Addr) bool {
	for _, rr := range reply.Answer {
		if a, ok := rr.(*dns.A); ok {
			if addr, ok := netip.AddrFromSlice(a.A.To4()); ok && addr == member {
				return true
			}
		}
	}
	return false
}

// note takes an answer into account, unless it has been overtaken by that to a later query.
func (s *sight) note(at time.Time, round uint16, named bool) {
	s.last = at
	if s.answers == 0 {
		s.first = at
	} else if (round-s.round)%rounds > rounds/2 {
		return
	}
	s.round = round
	s.answers++
	if named {
		s.naming++
	}
	if last := len(s.changes) - 1; last < 0 || s.changes[last].named != named {
		s.changes = append(s.changes, change{at, named})
	}
}

// after is how long after something was done to a member came the first answer with it; or, if named is false, the first answer without
// it from which on it stayed away. It is never, when there was none. It is unfit when answers were so at that moment already, or there
// were none yet.
func (s sight) after(moment time.Time, named bool) (d delay, unfit bool) {
	later := slices.IndexFunc(s.changes, func(c change) bool { return c.at.After(moment) })
	if later < 0 {
		later = len(s.changes)
	}
	if later == 0 || s.changes[later-1].named == named {
		return 0, true
	}
	since := s.changes[later:]
	switch {
	case len(since) == 0, !named && since[len(since)-1].named:
		return never, false
	case named:
		return delay(since[0].at.Sub(moment)), false
	default:
		return delay(since[len(since)-1].at.Sub(moment)), false
	}
}

// look returns what has been seen of a name.
func (o *observer) look(i int) sight {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[i] // of whose changes none is ever changed
}

// silent returns the index of a name for which no answer has come for longer than that, or -1.
func (o *observer) silent(longer time.Duration) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.IndexFunc(o.seen, func(s sight) bool { return time.Since(s.last) > longer })
}

// delays are how long it took for each name, and how many were unfit to tell.
func (o *observer) delays(moments []time.Time, named bool) (fit []delay, unfit int) {
	for i, moment := range moments {
		d, un := o.look(i).after(moment, named)
		if un {
			unfit++
			continue
		}
		fit = append(fit, d)
	}
	return fit, unfit
}
