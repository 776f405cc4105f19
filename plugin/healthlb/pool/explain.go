package pool

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/policy"
)

// Explanation says what one client gets of one family, and why.
type Explanation struct {
	AllDown  bool
	Eligible int // how many count for min_up
	MinUp    int
	Region   string // the client's; empty: none, or the pool does not ask
	Rcode    int
	TTL      uint32 // seconds; of the answer that would be given
	Answer   []netip.Addr
	Scope    int // see Reply
	Draws    int // how many answers the shares are taken from: as many as were wanted, or fewer where they are long
	Members  []Explained
}

// Explained says of one member why it is in or out.
type Explained struct {
	ID    string
	Addr  netip.Addr
	In    bool    // the policy picks among it and others
	Stage string  // where it was left out, or policy
	Why   string  // in words
	Share float64 // in what share of the answers it was named

	notes *notes
}

// maxNames bounds the names of all draws together, so that explaining a pool of thousands with long answers takes no longer than others: a
// million names took 0.05 s under balance.
const maxNames = 1_000_000

// Explain tells what the answer to a query would be at a moment, and why. without is the id of a member to leave out, as if an operator
// had taken it away; empty: none. Nothing is written down: later answers are as they would have been. What takes long, the draws, is done
// without the pool's lock, on choices made for this.
func (p *Pool) Explain(f Family, q Query, by Around, without string, draws int, now time.Time) Explanation {
	e, c, asked := p.explain(f, q, by, without, now)
	if c == nil || draws == 0 {
		return e
	}
	draws = min(draws, max(1, maxNames/c.k))
	e.Draws = draws
	named := make(map[*notes]int, len(c.named))
	for at, n := range c.count(asked, draws) {
		if c.named != nil {
			named[c.named[at]] = n
		}
	}
	for i := range e.Members {
		e.Members[i].Share = float64(named[e.Members[i].notes]) / float64(draws)
	}
	return e
}

// explain is Explain without the shares. It returns the client's choice, nil when the answer names no one.
func (p *Pool) explain(f Family, q Query, by Around, without string, now time.Time) (Explanation, *choice, asked) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.judgeAmong(f, p.candidates(f), by, without, now)
	a := new(answers)
	p.answer(a, f, v, by, now)
	e := Explanation{AllDown: v.allDown, Eligible: len(v.eligible), MinUp: v.minUp, Rcode: a.rcode}
	if e.Region = q.Region; p.Prefer.Region && by.Places != nil {
		e.Region = by.Places.Region(q.Client.Addr())
	}
	c, scope := a.of(q)
	e.Scope = scope
	asked := asked{now: now.Unix(), dry: true}
	if c != nil {
		c.turn = copied(c.turn)
		if c.picker.PerClient() {
			asked.key, e.Scope = p.key(q), max(scope, p.keyBits(q.Client))
		}
		rrs, _ := c.answer(asked)
		for _, rr := range rrs {
			e.Answer, e.TTL = append(e.Answer, addrOf(rr)), rr.Header().Ttl
		}
	}
	e.Members = p.stagesOf(v, c, asked.key, without, by, now)
	return e, c, asked
}

func copied(turn *atomic.Uint64) *atomic.Uint64 {
	c := new(atomic.Uint64)
	c.Store(turn.Load())
	return c
}

func addrOf(rr dns.RR) netip.Addr {
	var addr netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		addr, _ = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		addr, _ = netip.AddrFromSlice(rr.AAAA)
	}
	return addr
}

// stagesOf says of each address of the family how far it came. c is the client's choice, nil when the answer names no one.
func (p *Pool) stagesOf(v verdict, c *choice, key uint64, without string, by Around, now time.Time) []Explained {
	var shard []*notes
	chosen := make(map[*notes]bool)
	if c != nil {
		for _, n := range c.named {
			chosen[n] = true
		}
		if s, sharded := c.picker.(policy.Sharder); sharded {
			for _, at := range s.Shard(key, nil) {
				shard = append(shard, c.named[at])
			}
		}
	}
	var explained []Explained
	for _, m := range v.all {
		drain, ordered := by.Drains[m.member.ID]
		e := Explained{ID: m.member.ID, Addr: m.address.addr, notes: m.address.usage.notes}
		switch {
		case m.member.ID == without:
			e.Stage, e.Why = "without", "left out as the question asks"
		case !has(v.allowed, m):
			entry, _ := by.Blocks.Omits(m.address.addr, p.Name)
			e.Stage, e.Why = "blocked", "blocked: "+entry.String()
		case !has(v.present, m) && !v.chooses(m):
			e.Stage, e.Why = "drained", drain.text(now)
		case v.allDown:
			e.In = v.chooses(m)
			e.Stage, e.Why = "all_down", fmt.Sprintf("%d eligible, and min_up is %d: answered as all_down says; %s", len(v.eligible), v.minUp, m.address.text())
		case !has(v.willing, m):
			e.Stage, e.Why = "lame", m.address.text()
		case !has(v.able, m) && m.address.excused:
			e.Stage, e.Why = "excused", fmt.Sprintf("%s; it would count if fewer than min_up, %d, were eligible", m.address.text(), v.minUp)
		case !has(v.able, m):
			e.Stage, e.Why = "health", m.address.text()
		case !has(v.eligible, m):
			e.Stage, e.Why = "standby", "weight 0, and others are eligible"
		case !has(v.named, m):
			e.Stage, e.Why = "priority", fmt.Sprintf("in tier %d, and tier %d answers", m.member.tier+1, v.named[0].member.tier+1)
		case c != nil && !chosen[m.address.usage.notes]:
			e.Stage, e.Why = "region", fmt.Sprintf("in %s, and the client's region %s has members enough", regionText(m.member.Region), c.region)
		case shard != nil && !slices.Contains(shard, m.address.usage.notes):
			e.Stage, e.Why = "shard", fmt.Sprintf("not one of the %d members that this client sees", len(shard))
		default:
			e.In, e.Stage, e.Why = true, "policy", m.address.text()+v.sparedText(m, by)
			if fade := p.FadeIn.of(m.address.usage, now); fade < 1 {
				e.Why += fmt.Sprintf("; fades in: has %.0f%% of its share", 100*fade)
			}
		}
		if ordered && e.In {
			e.Why += "; " + drain.text(now)
		}
		if m.address.stale && e.In {
			e.Why += "; its probes are late, so that this may be old"
		}
		explained = append(explained, e)
	}
	return explained
}

func has(cs []candidate, m candidate) bool {
	_, found := slices.BinarySearchFunc(cs, m, func(a, b candidate) int { return a.index - b.index })
	return found
}

// sparedText says why one who is down counts as able all the same.
func (v verdict) sparedText(m candidate, by Around) string {
	switch {
	case m.address.state.Serving():
		return ""
	case m.address.frozen(by.Frozen):
		return "; it counts as before its fall, since the responder takes itself to be cut off"
	default:
		return fmt.Sprintf("; excused: without it fewer than min_up, %d, would be eligible", v.minUp)
	}
}

func regionText(region string) string {
	if region == "" {
		return "no region"
	}
	return "region " + region
}

// text says what state an address is in, and why.
func (a *address) text() string {
	if a.state == health.Unknown {
		return "not probed yet"
	}
	text := a.state.String() + " since " + a.since.UTC().Format(time.RFC3339)
	if reason := a.reason(); reason != "" && a.state != health.Up {
		text += ": " + reason
	}
	return text
}
