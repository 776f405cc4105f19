package pool

import (
	"cmp"
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/place"
	"example.org/healthlb/plugin/healthlb/policy"
)

// Snapshot is all that is needed to answer for a pool until something changes. It is immutable.
type Snapshot struct {
	families [Families]answers
}

// answers are the answers for one family. The zero value is a family that the pool does not have. What a query looks at lies side by side,
// see Fetch.
type answers struct {
	everyone *choice   // for clients without a choice of their own: own, or nil, when an answer names no one
	regions  *regional // nil: all clients get the same
	rcode    int
	notes    answer.Notes
	has      bool  // some member has an address of this family
	pardons  bool  // see verdict
	seat     uint8 // see Tally

	own choice
	rrs answer.RRset // of own
}

// Around is what a pool's snapshot depends on beside the pool itself.
type Around struct {
	Blocks *block.Set       // those in force
	Drains map[string]Drain // by the members' ids
	Places *place.Table     // where clients are; nil: queries tell
	Frozen time.Time        // since when the responder takes itself to be cut off: who falls from then on counts as before; zero: it does not
}

// Rebuild makes the snapshot that follows from the members' present states, from what is around, and from the time. around is called under
// the pool's lock, so that of two Rebuilds the later one sees the later blocks, and drains that are in force by then. It returns by how
// much the hash of what the pool shows has changed, 0 when it shows the same as before, and whether Rebuild is due again after FadeIn.Step:
// while members fade in, and while changes of weights wait.
func (p *Pool) Rebuild(around func() (Around, time.Time)) (changed uint64, again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := new(Snapshot)
	visible := maphash.Comparable(visibleSeed, identity{p.Name, p.TTL})
	by, now := around()
	if p.reweigh {
		again = p.reweighAt(now)
	}
	for f := range Families {
		v := p.judge(Family(f), by, now)
		p.answer(&s.families[f], Family(f), v, by, now)
		for _, addr := range v.addresses() {
			visible += maphash.Comparable(visibleSeed, record{p.Name, addr})
		}
		if p.FadeIn.Over > 0 {
			again = p.fades(v.all, v.able, now) || again
		}
	}
	changed = p.show(visible)
	p.snapshot.Store(s)
	return changed, again
}

// Retire has the pool show nothing from now on, as it goes away. It returns by how much that changes the hash, which is what Rebuild has
// returned up to now, taken back. What queries still find of the pool is kept up as before.
func (p *Pool) Retire() (changed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed = p.show(0)
	p.retired = true
	return changed
}

// show notes the hash of what the pool shows, and returns by how much it has changed. The caller holds p.mu.
func (p *Pool) show(visible uint64) (changed uint64) {
	if p.retired {
		return 0
	}
	changed = visible - p.shown
	p.shown = visible
	return changed
}

// fades says whether one of those who are able does not have its whole share yet. It notes who of them is down: who has been answered with
// all the time does not fade in when it comes up.
func (p *Pool) fades(all, able []candidate, now time.Time) (fading bool) {
	for _, c := range all {
		c.address.spared = false
	}
	for _, c := range able {
		c.address.spared = !c.address.state.Serving()
		fading = fading || p.FadeIn.of(c.address.usage, now) < 1
	}
	return fading
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

// answer builds the answers that follow from a verdict. The caller holds p.mu.
func (p *Pool) answer(a *answers, f Family, v verdict, by Around, now time.Time) {
	a.has, a.pardons, a.seat, a.rcode = len(v.all) > 0, v.pardons, anySeat(), dns.RcodeSuccess
	if !by.Frozen.IsZero() {
		a.notes |= answer.Isolated
	}
	switch {
	case v.allDown:
		a.notes |= answer.AllDown
		switch p.AllDown.Mode {
		case AllDownServfail:
			a.rcode = dns.RcodeServerFailure
		case AllDownRefused:
			a.rcode = dns.RcodeRefused
		}
		if v.names() {
			p.chooseAllDown(a, f, v, by, now)
		}
	case len(v.named) > 0:
		p.chooseAll(a, f, v.named, by, now)
	}
}

// chooseAllDown builds the choice of an all_down answer. These answers must not depend on the client, since the subnet's scope is 0 for
// them: whatever the policy is, they take turns.
func (p *Pool) chooseAllDown(a *answers, f Family, v verdict, by Around, now time.Time) {
	addrs := v.addresses()
	c := &a.own
	p.begin(c, f, "", len(addrs))
	c.low = true
	c.picker = policy.Turns(len(addrs))
	if v.fixed != nil {
		c.named = v.notesOf(v.fixed)
	} else {
		c.name(v.named, by.Drains, p.FadeIn, now)
	}
	a.rrs = answer.NewRRset(p.Name, addrs, c.ttls, true)
	a.everyone, c.rrs = c, &a.rrs
}

// chooseAll builds the choices among candidates of one tier: that of everyone, and those of regions.
func (p *Pool) chooseAll(a *answers, f Family, cs []candidate, by Around, now time.Time) {
	addrs := make([]netip.Addr, len(cs))
	for i, c := range cs {
		addrs[i] = c.address.addr
	}
	isolated := !by.Frozen.IsZero() // then nothing is sure of anybody
	everyone := &a.own
	p.choose(everyone, f, cs, false, by.Drains, now)
	everyone.low = isolated
	a.rrs = answer.NewRRset(p.Name, addrs, everyone.ttls, isolated || everyone.doubts != nil)
	a.everyone, everyone.rrs = everyone, &a.rrs
	if !p.Prefer.Region {
		return
	}
	position := make(map[*address]int32, len(cs))
	for i, c := range cs {
		position[c.address] = int32(i)
	}
	byName := make(map[string]*choice)
	for region, members := range ofRegions(cs, p.Prefer.Min) {
		c := new(choice)
		p.choose(c, f, members, true, by.Drains, now)
		c.low = isolated
		positions := make([]int32, len(members))
		for i, m := range members {
			positions[i] = position[m.address]
		}
		part := a.rrs.Part(positions)
		c.rrs = &part
		byName[region] = c
	}
	a.regions = newRegional(byName, by.Places)
}

// Query is what a pool is told of a query for its addresses.
type Query struct {
	Client answer.Client
	Name   string // as asked, lower-case; empty: the pool's own
	Region string // of the client, where the query tells it; empty: none
}

// Reply is what a pool did with a query.
type Reply struct {
	Named bool         // the reply names someone; else the caller makes it a NODATA one, unless its rcode says otherwise
	Notes answer.Notes // what there is to tell of it
	Scope int          // the length of the shortest prefix of the client's address of which every address gets the same set
}

// Reply completes a reply to a query for the addresses of one family.
func (p *Pool) Reply(r *answer.Reply, f Family, q Query, now time.Time) Reply {
	a := &p.snapshot.Load().families[f]
	p.counts(a, nil)
	r.Msg.Rcode = a.rcode
	c, scope := a.of(q)
	if c == nil {
		return Reply{Notes: a.notes}
	}
	asked, scope := p.asks(c, q, scope, now)
	rrs, doubts := c.answer(asked)
	r.Msg.Answer = rrs
	return Reply{Named: true, Notes: a.notes | doubts.notes(), Scope: scope}
}

// Pack does as Reply does for a packed reply. It says false, and has no effect, where that will not do: the rcode is not NOERROR, or the
// records might not fit. What it writes down is kept by t as far as that can be.
func (p *Pool) Pack(packed *answer.Packed, f Family, q Query, now time.Time, t *Tally) (Reply, bool) {
	a := &p.snapshot.Load().families[f]
	if a.rcode != dns.RcodeSuccess {
		return Reply{}, false
	}
	c, scope := a.of(q)
	kept := t.of(p.stats, a, c)
	if c == nil {
		p.counts(a, kept)
		return Reply{Notes: a.notes}, true
	}
	asked, scope := p.asks(c, q, scope, now)
	asked.kept = kept
	doubts, ok := c.pack(packed, asked)
	if !ok {
		return Reply{}, false
	}
	p.counts(a, kept)
	return Reply{Named: true, Notes: a.notes | doubts.notes(), Scope: scope}, true
}

// counts counts an answer.
func (p *Pool) counts(a *answers, k *kept) {
	if k != nil {
		k.count++
		return
	}
	p.stats.Answers.Add(1)
	if a.notes&answer.AllDown != 0 {
		p.stats.AllDownAnswers.Add(1)
	}
}

// asks returns what a choice is asked for a query, and the scope of the answer.
func (p *Pool) asks(c *choice, q Query, scope int, now time.Time) (asked, int) {
	if !c.picker.PerClient() {
		return asked{now: now.Unix()}, scope
	}
	return asked{now: now.Unix(), key: p.key(q)}, max(scope, p.keyBits(q.Client))
}

// of returns the choice for a query, nil when no one is to be named, and the scope that follows from the client's region.
func (a *answers) of(q Query) (c *choice, scope int) {
	if a.regions != nil {
		if c, scope = a.regions.of(q.Client, q.Region); c != nil {
			return c, scope
		}
	}
	return a.everyone, scope
}

// key returns what the choice of a client depends on.
func (p *Pool) key(q Query) uint64 {
	key := q.Client.Key(p.Policy.Bits4, p.Policy.Bits6)
	if p.Policy.ByName {
		key = policy.WithName(key, cmp.Or(q.Name, p.Name))
	}
	return key
}

func (p *Pool) keyBits(client answer.Client) int {
	return client.KeyBits(p.Policy.Bits4, p.Policy.Bits6)
}

// PrefersRegion says whether replies depend on the client's region now.
func (p *Pool) PrefersRegion() bool {
	s := p.snapshot.Load()
	return s.families[A].regions != nil || s.families[AAAA].regions != nil
}

// Has says whether some member of the pool has an address of the family.
func (p *Pool) Has(f Family) bool { return p.snapshot.Load().families[f].has }
