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
	k      int // how many addresses an answer names at most
	rrs    *answer.RRset
	picker policy.Picker
	turn   *atomic.Uint64
	low    bool           // every answer has the low TTL
	named  []*usage       // by position in rrs; nil with all_down addresses
	doubt  []bool         // by position in rrs: calls for the low TTL; nil when none does
	loads  []*policy.Load // by position in rrs; nil unless the policy looks at answer leases
	ttls   answer.TTLs
	region string // whose choice it is; empty: everyone's
}

// asked is what is known of a query.
type asked struct {
	key uint64 // see policy.Query
	now int64  // seconds since 1970
	dry bool   // nothing is written down
}

// answer returns the records of an answer.
func (c *choice) answer(q asked) []dns.RR {
	start, list, low := c.pick(q)
	if list == nil {
		return c.rrs.Run(start, c.k, low)
	}
	return c.rrs.List(list, low)
}

// pick picks the positions that an answer names, and its TTL, and writes down what follows from that.
func (c *choice) pick(q asked) (start int, list []int32, low bool) {
	var buf []int32
	if room := c.picker.Room(); room > 0 {
		buf = make([]int32, 0, room)
	}
	start, list = c.picker.Pick(policy.Query{Key: q.key, Turn: c.turn, Rand: rand.Uint64N, Now: q.now, Dry: q.dry}, buf)
	low = c.low
	if list == nil {
		if c.doubt != nil {
			n := c.rrs.Len()
			for i := range c.k {
				low = low || c.doubt[(start+i)%n]
			}
		}
		if c.named != nil && !q.dry {
			c.noteRun(start, q.now, c.ttls.Of(low))
		}
		return start, nil, low
	}
	if c.doubt != nil {
		for _, at := range list {
			low = low || c.doubt[at]
		}
	}
	if !q.dry {
		c.noteList(list, q.now, c.ttls.Of(low))
	}
	return 0, list, low
}

// noteRun writes down who is named by a run of k positions.
func (c *choice) noteRun(start int, now int64, ttl uint32) {
	at := start
	for range c.k {
		c.named[at].note(now, ttl)
		if c.loads != nil {
			c.loads[at].Hold(now+1+int64(ttl), c.k)
		}
		if at++; at == len(c.named) {
			at = 0
		}
	}
}

// noteList is noteRun for a list of positions.
func (c *choice) noteList(list []int32, now int64, ttl uint32) {
	for _, at := range list {
		c.named[at].note(now, ttl)
		if c.loads != nil {
			c.loads[at].Hold(now+1+int64(ttl), len(list))
		}
	}
}

// choose builds the choice among candidates. The caller holds p.mu.
func (p *Pool) choose(f Family, key groupKey, cs []candidate, now time.Time) *choice {
	cs = p.FadeIn.faded(cs, now)
	c := p.newChoice(f, key.region, len(cs))
	told := candidatesOf(key, cs)
	c.picker = p.groups[key].Picker(told, c.k)
	if p.Policy.Leases() {
		c.loads = make([]*policy.Load, len(cs))
		for i := range told {
			c.loads[i] = told[i].Load
		}
	}
	c.name(cs, p.FadeIn, now)
	return c
}

// newChoice begins a choice of n addresses.
func (p *Pool) newChoice(f Family, region string, n int) *choice {
	c := &choice{k: n, region: region, turn: p.stats.turn(f, region), ttls: answer.TTLs{Normal: p.TTL, Low: p.LowTTL}}
	if p.Answers > 0 {
		c.k = min(n, p.Answers)
	}
	return c
}

// name sets who the positions stand for, and which of them call for the low TTL: those that are suspect, and those that fade in.
func (c *choice) name(cs []candidate, fadeIn FadeIn, now time.Time) {
	c.named = make([]*usage, len(cs))
	for i, candidate := range cs {
		c.named[i] = candidate.address.usage
		if candidate.address.state == health.Suspect || fadeIn.of(candidate.address.usage, now) < 1 {
			if c.doubt == nil {
				c.doubt = make([]bool, len(cs))
			}
			c.doubt[i] = true
		}
	}
}
