package pool

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/policy"
)

// choice is a set of addresses that answers choose from, and how they do. It is immutable.
type choice struct {
	picker policy.Picker
	turn   *atomic.Uint64
	rrs    *answer.RRset
	named  []*notes // by position in rrs; nil with all_down addresses that are no members
	k      int      // how many addresses an answer names at most
	ttls   answer.TTLs
	low    bool            // every answer has the low TTL
	seat   uint8           // see Tally
	doubts []doubt         // by position in rrs; nil when there is none
	loads  []*policy.Load  // by position in rrs; nil unless the policy looks at answer leases
	few    [mostFew]*notes // what named is made in when there are few
	region string          // whose choice it is; empty: everyone's
}

// mostFew are as many as most pools have.
const mostFew = 4

// asked is what is known of a query.
type asked struct {
	key uint64 // see policy.Query
	now int64  // seconds since 1970
	dry bool   // nothing is written down

	kept *kept // what a Tally keeps of what it writes down; nil: nothing
}

// doubt is what speaks against a member that is answered with all the same. Whatever it is, it calls for the low TTL.
type doubt uint8

const (
	passing doubt = 1 << iota // it may soon be answered with no more, or just begins to be
	aged                      // what is known of it may be old
)

// notes returns what a reply tells of doubts.
func (d doubt) notes() answer.Notes {
	if d&aged != 0 {
		return answer.Stale
	}
	return 0
}

// answer returns the records of an answer. It tells what doubts there are of those who are named.
func (c *choice) answer(q asked) ([]dns.RR, doubt) {
	buf, rrs := room(c.picker.Room())
	n := c.draw(q, buf)
	if n.list == nil {
		return c.rrs.Run(n.start, n.k, n.low), n.doubts
	}
	if n.k > len(rrs) {
		rrs = make([]dns.RR, n.k)
	}
	rrs = rrs[:n.k:n.k]
	c.rrs.List(n.list, n.low, rrs)
	return rrs, n.doubts
}

// pack does as answer does for a packed reply. It says false, and has no effect, when the records might not fit.
func (c *choice) pack(p *answer.Packed, q asked) (doubt, bool) {
	room := c.picker.Room()
	if !p.Fits(c.rrs.PackedLen(max(c.k, room))) {
		return 0, false
	}
	if room > cap(p.Room) {
		p.Room = make([]int32, 0, room)
	}
	n := c.draw(q, p.Room)
	if n.list == nil {
		p.AddRun(c.rrs, n.start, n.k, n.low)
	} else {
		p.AddList(c.rrs, n.list, n.low)
	}
	return n.doubts, true
}

// draw picks whom an answer names, and writes down what follows from it.
func (c *choice) draw(q asked, buf []int32) names {
	n := names{k: c.k, all: c.rrs.Len()}
	if n.start, n.list = c.picker.Pick(c.query(q), buf); n.list != nil {
		n.k = len(n.list)
	}
	n.doubts = c.doubtful(&n)
	n.low = c.low || n.doubts != 0
	if c.named != nil && !q.dry {
		c.note(&n, q, c.ttls.Of(n.low))
	}
	return n
}

// names are the k positions that one answer names: those in list or, with list nil, a run from start on, cyclic over all.
type names struct {
	start int
	list  []int32
	k     int
	all   int

	doubts doubt // of those who are named
	low    bool  // they are named with the low TTL
}

func (n *names) at(i int) int {
	if n.list != nil {
		return int(n.list[i])
	}
	if i += n.start; i >= n.all {
		i -= n.all
	}
	return i
}

// doubtful tells all doubts of those whom an answer names.
func (c *choice) doubtful(n *names) (doubts doubt) {
	if c.doubts != nil {
		for i := range n.k {
			doubts |= c.doubts[n.at(i)]
		}
	}
	return doubts
}

// note writes down who is named. All is read before anything is written: while the processor waits for the memory of one, it can fetch
// that of the others, but not across an atomic write.
func (c *choice) note(n *names, q asked, ttl uint32) {
	now, safe := q.now, q.now+1+int64(ttl)
	noted, keeps := true, q.kept.keepsNamed()
	for i := range n.k {
		noted = c.named[n.at(i)].noted(now, safe) && noted
	}
	for i := range n.k {
		at := n.at(i)
		if !noted {
			c.named[at].note(now, safe)
		}
		if keeps {
			q.kept.named[at]++
		} else {
			c.named[at].answers.Add(1)
		}
	}
	if c.loads != nil {
		for i := range n.k {
			c.loads[n.at(i)].Hold(c.leaseEnd(now), n.k)
		}
	}
}

// count returns how often each position is named in so many answers.
func (c *choice) count(q asked, answers int) []int {
	q.dry = true
	query, buf := c.query(q), make([]int32, 0, c.picker.Room())
	counts, starts := make([]int, c.rrs.Len()), make([]int, c.rrs.Len())
	for range answers {
		start, list := c.picker.Pick(query, buf)
		if list == nil {
			starts[start]++
		}
		for _, at := range list {
			counts[at]++
		}
	}
	for start, n := range starts {
		if n == 0 {
			continue
		}
		for i := range c.k {
			counts[(start+i)%len(counts)] += n
		}
	}
	return counts
}

func (c *choice) query(q asked) policy.Query {
	turn := c.turn
	if q.kept != nil {
		turn = &q.kept.turn
	}
	return policy.Query{Key: q.key, Turn: turn, Rand: rand.Uint64N, Now: q.now, Dry: q.dry}
}

// short4 and short8 are room for a short answer that is no run, in one allocation.
type (
	short4 struct {
		list [4]int32
		rrs  [4]dns.RR
	}
	short8 struct {
		list [8]int32
		rrs  [8]dns.RR
	}
)

// room returns room for an answer of so many positions; none for 0, which is a run.
func room(n int) ([]int32, []dns.RR) {
	switch {
	case n == 0:
		return nil, nil
	case n <= 4:
		s := new(short4)
		return s.list[:0], s.rrs[:]
	case n <= 8:
		s := new(short8)
		return s.list[:0], s.rrs[:]
	default:
		return make([]int32, 0, n), nil
	}
}

// leaseEnd returns until when the lease of an answer given now counts: for the TTL, also when the answer has the low one. Else members in
// doubt, and those that fade in, would look idle and be named the more.
func (c *choice) leaseEnd(now int64) int64 { return now + 1 + int64(c.ttls.Normal) }

// choose completes c to the choice among candidates of one tier, or with regional of one tier and region. The caller holds p.mu.
func (p *Pool) choose(c *choice, f Family, cs []candidate, regional bool, drains map[string]Drain, now time.Time) {
	cs = p.FadeIn.faded(cs, now)
	g := &p.groups[cs[0].seat(regional).group]
	p.begin(c, f, g.region, len(cs))
	told := told(cs, regional)
	c.picker = g.policy.Picker(told, c.k)
	if p.Policy.Leases() {
		c.loads = make([]*policy.Load, len(cs))
		for i := range told {
			c.loads[i] = told[i].Load
		}
	}
	c.name(cs, drains, p.FadeIn, now)
}

// begin begins a choice of n addresses.
func (p *Pool) begin(c *choice, f Family, region string, n int) {
	c.k, c.region, c.seat = n, region, anySeat()
	c.turn, c.ttls = p.stats.turn(f, region), answer.TTLs{Normal: p.TTL, Low: p.LowTTL}
	if p.Answers > 0 {
		c.k = min(n, p.Answers)
	}
}

// name sets who the positions stand for, and what doubts there are of them: those that are not simply up, those that fade in, those that are
// to be drained, and those of which nothing new is known.
func (c *choice) name(cs []candidate, drains map[string]Drain, fadeIn FadeIn, now time.Time) {
	c.named = c.few[:min(len(cs), mostFew)]
	if len(cs) > mostFew {
		c.named = make([]*notes, len(cs))
	}
	for i, candidate := range cs {
		a, doubts := candidate.address, doubt(0)
		c.named[i] = a.usage.notes
		if _, ordered := drains[candidate.member.ID]; ordered || a.state != health.Up || fadeIn.of(a.usage, now) < 1 {
			doubts = passing
		}
		if a.stale {
			doubts |= aged
		}
		if doubts != 0 {
			if c.doubts == nil {
				c.doubts = make([]doubt, len(cs))
			}
			c.doubts[i] = doubts
		}
	}
}
