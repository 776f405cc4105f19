package pool

import (
	"hash/maphash"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/policy"
)

// Snapshot is all that is needed to answer for a pool until something changes. It is immutable.
type Snapshot struct {
	families [Families]answers
	visible  uint64 // a hash of what it shows: the addresses that answers choose from, and their TTL
}

// answers are the answers for one family. The zero value is a family that the pool does not have.
type answers struct {
	has     bool // some member has an address of this family
	allDown bool
	low     bool // every answer has the low TTL
	rcode   int
	k       int // how many addresses an answer names; 0: none
	rrs     *answer.RRset
	picker  policy.Picker
	named   []*usage // by position in rrs; nil with all_down addresses
	doubt   []bool   // by position in rrs: calls for the low TTL; nil when none does
}

// Rebuild makes the snapshot that follows from the members' present states and the blocks given. blocks is called under the pool's
// lock, so that of two Rebuilds the later one sees the later blocks. It returns by how much the hash of what the pool shows has
// changed: 0 when it shows the same as before.
func (p *Pool) Rebuild(blocks func() *block.Set) (changed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &Snapshot{visible: maphash.Comparable(visibleSeed, identity{p.Name, p.TTL})}
	set := blocks()
	for f := range Families {
		v := p.judge(Family(f), set)
		s.families[f] = p.answers(v)
		for _, addr := range v.addresses() {
			s.visible += maphash.Comparable(visibleSeed, record{p.Name, addr})
		}
	}
	changed = s.visible
	if old := p.snapshot.Load(); old != nil {
		changed -= old.visible
	}
	p.snapshot.Store(s)
	return changed
}

// What a pool shows, whatever the order of its members is.
type (
	identity struct {
		name string
		ttl  uint32
	}
	record struct {
		name string
		addr netip.Addr
	}
)

var visibleSeed = maphash.MakeSeed()

func (v verdict) addresses() []netip.Addr {
	addrs := make([]netip.Addr, 0, len(v.named)+len(v.fixed))
	for _, c := range v.named {
		addrs = append(addrs, c.address.addr)
	}
	return append(addrs, v.fixed...)
}

// answers builds the answers that follow from a verdict. The caller holds p.mu.
func (p *Pool) answers(v verdict) answers {
	a := answers{has: len(v.all) > 0, allDown: v.allDown, low: v.allDown, rcode: dns.RcodeSuccess}
	if v.allDown {
		switch p.AllDown.Mode {
		case AllDownServfail:
			a.rcode = dns.RcodeServerFailure
		case AllDownRefused:
			a.rcode = dns.RcodeRefused
		}
	}
	addrs := v.addresses()
	if len(addrs) == 0 {
		return a
	}
	a.k = len(addrs)
	if p.Answers > 0 {
		a.k = min(a.k, p.Answers)
	}
	members := make([]policy.Candidate, len(addrs))
	for i := range members {
		members[i] = policy.Candidate{Member: int32(i), Fade: 1}
	}
	for i, c := range v.named {
		members[i].Member = int32(c.index)
		a.named = append(a.named, c.address.usage)
		if c.address.state == health.Suspect && a.doubt == nil {
			a.doubt = make([]bool, len(addrs))
		}
		if a.doubt != nil {
			a.doubt[i] = c.address.state == health.Suspect
		}
	}
	a.rrs = answer.NewRRset(p.Name, addrs, answer.TTLs{Normal: p.TTL, Low: p.LowTTL}, a.low || a.doubt != nil)
	if a.allDown {
		// These answers must not depend on the client, since the subnet's scope is 0 for them.
		a.picker = anyone.Picker(members, a.k)
		return a
	}
	a.picker = p.policy.Picker(members, a.k)
	return a
}

// anyone is the policy of all_down answers.
var anyone, _ = policy.New(policy.Spec{Name: "round_robin"})

// Reply completes a reply to a query for the addresses of one family. It returns false when there is nothing to name: the caller makes
// the reply a NODATA one, unless the rcode says otherwise. perClient says whether the reply depends on the client.
func (p *Pool) Reply(r *answer.Reply, f Family, client answer.Client, now time.Time) (named, perClient, allDown bool) {
	a := &p.snapshot.Load().families[f]
	p.stats.Answers.Add(1)
	if a.allDown {
		p.stats.AllDownAnswers.Add(1)
	}
	r.Msg.Rcode = a.rcode
	if a.k == 0 {
		return false, false, a.allDown
	}
	q := policy.Query{Turn: &p.stats.turns[f], Rand: rand.Uint64N}
	if perClient = a.picker.PerClient(); perClient {
		q.Key = client.Key()
	}
	start, list := a.picker.Pick(q, make([]int32, 0, a.picker.Room()))
	if list == nil {
		r.Msg.Answer = a.rrs.Run(start, a.k, a.noteRun(start, now.Unix(), p))
	} else {
		r.Msg.Answer = a.rrs.List(list, a.noteList(list, now.Unix(), p))
	}
	return true, perClient, a.allDown
}

// noteRun writes down who is named by a run of k positions, and returns whether the answer has the low TTL.
func (a *answers) noteRun(start int, now int64, p *Pool) (low bool) {
	n := a.rrs.Len()
	low = a.low
	if a.doubt != nil {
		for i := range a.k {
			low = low || a.doubt[(start+i)%n]
		}
	}
	if a.named != nil {
		ttl := p.ttl(low)
		for i, at := 0, start; i < a.k; i, at = i+1, at+1 {
			if at == n {
				at = 0
			}
			a.named[at].note(now, ttl)
		}
	}
	return low
}

// noteList is noteRun for a list of positions.
func (a *answers) noteList(list []int32, now int64, p *Pool) (low bool) {
	low = a.low
	if a.doubt != nil {
		for _, at := range list {
			low = low || a.doubt[at]
		}
	}
	ttl := p.ttl(low)
	for _, at := range list {
		a.named[at].note(now, ttl)
	}
	return low
}

func (p *Pool) ttl(low bool) uint32 {
	if low {
		return p.LowTTL
	}
	return p.TTL
}

// Has says whether some member of the pool has an address of the family.
func (p *Pool) Has(f Family) bool { return p.snapshot.Load().families[f].has }
