package test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// composedPool is a pool of settings drawn at random, with what it takes to say who may be named.
type composedPool struct {
	name, policy   string
	k, shard       int // 0: all, off
	minUp          int
	percent        bool
	prefer         int // 0: off, else min
	nodata         bool
	members        []composedMember
	text           string
	deterministic  bool // equal clients get equal answers
	exactlyAsMany  bool // an answer is never shorter than it could be
	clientsDecides bool // the answer depends on the client's network
}

type composedMember struct {
	addrs            [2]string
	weight, priority int
	region           string
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func composePool(r *rand.Rand, n int) *composedPool {
	p := &composedPool{name: fmt.Sprintf("p%d.lb.example.org", n)}
	p.policy = pick(r, "round_robin", "random", "weighted", "hash", "hash balance 1.25", "least", "failover")
	p.k, p.shard, p.prefer = pick(r, 1, 2, 3, 0), pick(r, 0, 0, 1, 2, 4), pick(r, 0, 1, 2)
	p.minUp, p.nodata = pick(r, 1, 1, 2), r.IntN(2) == 0
	p.percent = r.IntN(4) == 0
	p.deterministic = p.policy == "hash" || p.policy == "failover"
	p.exactlyAsMany = p.policy != "hash balance 1.25"
	p.clientsDecides = strings.HasPrefix(p.policy, "hash")
	lines := []string{"policy " + p.policy, "answers " + itoa(p.k)}
	if p.k == 0 {
		lines[1] = "answers all"
	}
	if p.shard > 0 {
		lines = append(lines, "shard "+itoa(p.shard))
	}
	if p.prefer > 0 {
		lines = append(lines, "prefer region min "+itoa(p.prefer))
	}
	if p.nodata {
		lines = append(lines, "all_down nodata")
	}
	if p.percent {
		p.minUp = pick(r, 20, 34, 50)
		lines = append(lines, fmt.Sprintf("min_up %d%%", p.minUp))
	} else {
		lines = append(lines, "min_up "+itoa(p.minUp))
	}
	for i := range 2 + r.IntN(6) {
		m := composedMember{weight: pick(r, 0, 1, 1, 1, 3), priority: pick(r, 0, 0, 1, 2, 3), region: pick(r, "", "eu", "us", "us")}
		families := pick(r, "46", "46", "46", "4", "6")
		line := "member"
		if strings.Contains(families, "4") {
			m.addrs[0] = fmt.Sprintf("198.18.%d.%d", n, i+1)
			line += " " + m.addrs[0] + " probe_address 127.37.1.1"
		}
		if strings.Contains(families, "6") {
			m.addrs[1] = fmt.Sprintf("2001:db8:%d::%d", n+1, i+1)
			line = strings.Replace(line, "member", "member "+m.addrs[1], 1) + " probe_address ::1"
		}
		line += fmt.Sprintf(" id m%d weight %d", i+1, m.weight)
		if m.priority > 0 {
			line += " priority " + itoa(m.priority)
		}
		if m.region != "" {
			line += " region " + m.region
		}
		lines = append(lines, line)
		p.members = append(p.members, m)
	}
	p.text = "pool " + p.name + " {\n" + strings.Join(lines, "\n") + "\n}\n"
	return p
}

func (p *composedPool) rank(i int) int {
	switch {
	case p.members[i].priority > 0:
		return p.members[i].priority
	case p.policy == "failover":
		return 1_000_000 + i
	}
	return 1
}

func (p *composedPool) needed(of int) int {
	if p.percent {
		return (of*p.minUp + 99) / 100
	}
	return p.minUp
}

// may returns who may be named to clients of a region: the stages of DESIGN.md section 5, as simply as can be. own says for a pool that is
// not all down whether some region's clients are given others than everyone.
func (p *composedPool) may(family int, region string, blocked map[string]bool) (set []string, allDown, own bool) {
	var all, allowed, eligible []int
	for i, m := range p.members {
		if m.addrs[family] == "" {
			continue
		}
		all = append(all, i)
		if !blocked[m.addrs[family]] {
			allowed = append(allowed, i)
		}
	}
	weight0 := func(i int) bool { return p.members[i].weight == 0 }
	eligible = slices.DeleteFunc(slices.Clone(allowed), weight0)
	if len(eligible) == 0 {
		eligible = allowed
	}
	texts := func(is []int) (set []string) {
		for _, i := range is {
			set = append(set, p.members[i].addrs[family])
		}
		return set
	}
	if len(all) == 0 || len(eligible) < p.needed(len(all)) {
		if p.nodata {
			allowed = nil
		}
		return texts(allowed), true, false
	}
	size, ready, ranks := map[int]int{}, map[int]int{}, []int{}
	for _, i := range all {
		size[p.rank(i)]++
	}
	for _, i := range eligible {
		ready[p.rank(i)]++
		ranks = append(ranks, p.rank(i))
	}
	slices.Sort(ranks)
	best := ranks[0]
	for _, rank := range ranks {
		if ready[rank] >= p.needed(size[rank]) {
			best = rank
			break
		}
	}
	tier := slices.DeleteFunc(slices.Clone(eligible), func(i int) bool { return p.rank(i) != best })
	of := func(region string) []int {
		return slices.DeleteFunc(slices.Clone(tier), func(i int) bool { return p.members[i].region != region })
	}
	if p.prefer > 0 {
		own = len(of("eu")) >= p.prefer || len(of("us")) >= p.prefer
		if mine := of(region); region != "" && len(mine) >= p.prefer {
			return texts(mine), false, own
		}
	}
	return texts(tier), false, own
}

// All stages together, in pools drawn at random, while addresses come and go: every answer names only who may be named, as many as it
// should, to equal clients the same, with the right scope; and what is explained is what is answered.
func TestStagesComposed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			testComposed(t, rand.New(rand.NewPCG(seed, 3)))
		})
	}
}

func testComposed(t *testing.T, r *rand.Rand) {
	web := startMembers(t, "127.37.1.1", "::1")
	var pools []*composedPool
	text := "state {dir}/state\nadmin 127.0.0.1:{admin}\necs 127.0.0.1\ncheck tcp {web}\nttl 1h\nplace eu 10.0.0.0/8\nplace us 11.0.0.0/8\n"
	for n := range 40 {
		p := composePool(r, n)
		pools = append(pools, p)
		text += p.text
	}
	s := startCoreDNS(t, lb(text), "{web}", web.port)
	q := s.picker(t)
	clients := []struct{ subnet, region string }{{"10.1.2.0/24", "eu"}, {"11.5.6.0/24", "us"}, {"100.64.1.0/24", ""}, {"100.64.2.0/24", ""}}
	for range 6 {
		blocked := map[string]bool{}
		var list []string
		odds := r.IntN(5)
		for _, p := range pools {
			for _, m := range p.members {
				for _, addr := range m.addrs {
					if addr != "" && r.IntN(5) < odds {
						blocked[addr] = true
						list = append(list, addr)
					}
				}
			}
		}
		s.block(t, list...)
		for _, p := range pools {
			for family, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
				for i, client := range clients {
					err := p.isRight(q, family, kind, client.subnet, client.region, blocked)
					if err == nil && i == 0 && p.deterministic {
						err = p.isExplained(t, s, q, kind, client.subnet)
					}
					if err != nil {
						theirs := slices.DeleteFunc(slices.Clone(list), func(addr string) bool { return !strings.Contains(p.text, addr+" ") })
						t.Errorf("%v\n%sblocked: %v", err, p.text, theirs)
						return
					}
				}
			}
		}
	}
}

func (p *composedPool) isRight(q *picker, family int, kind uint16, subnet, region string, blocked map[string]bool) error {
	set, allDown, own := p.may(family, region, blocked)
	size := len(set)
	if p.k > 0 {
		size = min(size, p.k)
	}
	perClient := p.clientsDecides && size < len(set)
	if p.shard > 0 && !allDown && p.shard < len(set) {
		size, perClient = min(size, p.shard), true
	}
	r := q.ask(p.name, kind, subnet)
	got := addresses(r)
	which := fmt.Sprintf("%s %s for %s", p.name, dns.TypeToString[kind], subnet)
	for _, addr := range got {
		if !slices.Contains(set, addr) {
			return fmt.Errorf("%s names %v, and may name %v", which, got, set)
		}
	}
	if len(slices.Compact(slices.Clone(got))) < len(got) {
		return fmt.Errorf("%s names one twice: %v", which, got)
	}
	if len(got) > size || len(got) < size && (p.exactlyAsMany || allDown || len(got) == 0) || r.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("%s names %v of %v, want %d", which, got, set, size)
	}
	wanted := 0
	switch {
	case allDown:
	case perClient:
		wanted = 24
	case own && region != "":
		wanted = 8
	case own:
		wanted = scope(r) // depends on what is around 100.64.0.0
	}
	if scope(r) != wanted && !(p.policy == "hash balance 1.25" && !allDown && scope(r) == 24) {
		return fmt.Errorf("%s has the scope %d, want %d", which, scope(r), wanted)
	}
	if again := addresses(q.ask(p.name, kind, subnet)); p.deterministic && !allDown && !slices.Equal(got, again) {
		return fmt.Errorf("%s names %v, and then %v", which, got, again)
	}
	return nil
}

func (p *composedPool) isExplained(t *testing.T, s *coredns, q *picker, kind uint16, subnet string) error {
	e := s.explain(t, p.name, subnet, "type", dns.TypeToString[kind])
	r := q.ask(p.name, kind, subnet)
	got := strings.Join(addresses(r), " ")
	return want(e.names() == got && e.Answer.Scope == max(0, scope(r)) && e.Answer.RCode == "NOERROR",
		"%s for %s is given %s with scope %d, and explained %s with %d", p.name, subnet, got, scope(r), e.names(), e.Answer.Scope)
}
