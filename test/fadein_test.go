package test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// fadePools are a pool for each policy, of three members, the third of which will come up later.
const fadePools = `
		pool rr.lb.example.org {
			answers 1
			{members}
		pool random.lb.example.org {
			answers 1
			policy random
			{members}
		pool weighted.lb.example.org {
			policy weighted
			{members}
		pool least.lb.example.org {
			policy least
			{members}
		pool tier.lb.example.org {
			answers 1
			policy failover
			member 127.32.{n}.3 priority 1
			member 127.32.{n}.1 priority 1
			member 127.32.{n}.2 priority 1
		}
		pool hash.lb.example.org {
			policy hash
			{members}
		pool balance.lb.example.org {
			policy hash balance 2
			{members}
		pool shard.lb.example.org {
			shard 2
			answers 1
			{members}`

var fadeNames = []string{"rr", "random", "weighted", "least", "tier", "hash", "balance", "shard"}

func fadeCorefile(n, fadeIn string) string {
	members := "member 127.32.{n}.1\nmember 127.32.{n}.2\nmember 127.32.{n}.3\n}"
	return strings.NewReplacer("{n}", n).Replace(lb(`
		admin 127.0.0.1:{admin}
		ecs 127.0.0.1
		check tcp {web}
		ttl 30s low 2s
		` + fadeIn + strings.ReplaceAll(fadePools, "{members}", members)))
}

// shareOf returns how many of so many clients are given an address, and the TTLs of the answers that name it, and of others.
func (p *picker) shareOf(name, addr string, clients int) (n int, with, without map[uint32]bool) {
	p.t.Helper()
	with, without = map[uint32]bool{}, map[uint32]bool{}
	for i := range clients {
		r := p.ask(name, dns.TypeA, subnetOf(i))
		if len(r.Answer) == 0 {
			p.t.Fatalf("%s names no one:\n%v", name, r)
		}
		ttl := r.Answer[0].Header().Ttl
		if strings.Contains(strings.Join(addresses(r), " "), addr) {
			n++
			with[ttl] = true
		} else {
			without[ttl] = true
		}
	}
	return n, with, without
}

// A member that comes up again begins with next to nothing. fade_in is an hour here, so that it has hardly more when the test ends: in no
// policy more than a client of a hundred is given it at first. After a reload to a fade_in of a second it has all.
func TestFadeInBeginsWithLittle(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.32.1.1", "127.32.1.2", "127.32.1.3")
	s := startCoreDNS(t, fadeCorefile("1", "fade_in 1h"), "{web}", web.port)
	p := s.picker(t)
	const third, clients = "127.32.1.3", 100

	t.Log("at the start of the process nobody fades in")
	for _, name := range fadeNames {
		n, with, _ := p.shareOf(name+".lb.example.org", third, clients)
		check(t, want(n >= 10 && with[30] && !with[2], "%s: %d of %d clients are given it at the start, with TTLs %v", name, n, clients, with))
		check(t, want(s.pool(t, name+".lb.example.org").address(t, third).Fade == 1, "%s: it fades in", name))
	}

	web.stop(third)
	state := func(wanted bool) {
		t.Helper()
		for _, name := range fadeNames {
			eventually(t, func() error {
				return want(s.pool(t, name+".lb.example.org").address(t, third).Eligible == wanted, "%s: eligible is not %v", name, wanted)
			})
		}
	}
	state(false)
	web.start(t, third)
	state(true)
	little := func(when string) {
		t.Helper()
		for _, name := range fadeNames {
			eventually(t, func() error { // another one may be suspect for a moment, and has the low TTL then
				n, with, without := p.shareOf(name+".lb.example.org", third, clients)
				// A fade of 1% of a third (of everyone under failover) is 0.3 of 100 clients; that chance makes it 15 is beyond 1 in 10^12.
				check(t, want(n < 15, "%s, %s: %d of %d clients are given it", when, name, n, clients))
				check(t, want(!with[30], "%s, %s: TTLs %v with it", when, name, with))
				return want(!without[2] && without[30], "%s, %s: TTLs %v without it", when, name, without)
			})
			fade := s.pool(t, name+".lb.example.org").address(t, third).Fade
			check(t, want(fade > 0 && fade < 0.05, "%s, %s: fade is %v", when, name, fade))
		}
	}
	little("just up")
	t.Log("a reload does not begin anew, and gives nothing for nothing")
	s.reload(t, fadeCorefile("1", "fade_in 1h"))
	little("after a reload")
	e := s.explain(t, "weighted.lb.example.org", "203.0.113.1").member(t, third)
	check(t, want(e.In && strings.Contains(e.Why, "fades in") && e.Share < 0.05, "%+v", e))

	t.Log("with nobody else there it is given to all, with the low TTL")
	web.stop("127.32.1.1", "127.32.1.2")
	eventually(t, func() error {
		for _, name := range fadeNames {
			if n, _, _ := p.shareOf(name+".lb.example.org", third, 20); n < 20 {
				return want(false, "%s: %d of 20 are given the only member", name, n)
			}
		}
		return nil
	})

	t.Log("a shorter fade_in counts from when it came up: it has its share at once")
	web.start(t, "127.32.1.1", "127.32.1.2")
	s.reload(t, fadeCorefile("1", "fade_in 1s"))
	eventually(t, func() error {
		for _, name := range fadeNames {
			n, _, _ := p.shareOf(name+".lb.example.org", third, clients)
			if fade := s.pool(t, name+".lb.example.org").address(t, third).Fade; fade != 1 || n == clients && name != "tier" || n < 10 {
				return want(false, "%s: %d of %d clients, fade %v", name, n, clients, fade)
			}
		}
		return nil
	})
}

// While a member fades in, its share grows; under hash each client goes over once, and none comes back; in the end all is as it was.
func TestFadeInGrows(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.32.2.1", "127.32.2.2", "127.32.2.3")
	s := startCoreDNS(t, fadeCorefile("2", "fade_in 4s exponent 1.5"), "{web}", web.port)
	p := s.picker(t)
	const third, clients = "127.32.2.3", 60
	check(t, want(s.log.count("[WARNING]", "Corefile:", "ttl of 30s is more than a tenth of fade_in 4s") == len(fadeNames), "no warning of the TTL:\n%s", s.log))
	before := p.each("hash.lb.example.org", clients)
	web.stop(third)
	eventually(t, func() error {
		n, _, _ := p.shareOf("hash.lb.example.org", third, clients)
		return want(n == 0, "it is still answered with")
	})
	web.start(t, third)

	was := p.each("hash.lb.example.org", clients)
	last, reloaded := -1.0, false
	eventually(t, func() error {
		now := p.each("hash.lb.example.org", clients)
		for i := range now {
			if now[i] != was[i] && (now[i] != third || before[i] != third) {
				t.Errorf("client %d has gone from %s to %s, and was with %s before", i, was[i], now[i], before[i])
			}
		}
		was = now
		a := s.pool(t, "hash.lb.example.org").address(t, third)
		if a.Eligible {
			check(t, want(a.Fade >= last, "fade was %v and is %v", last, a.Fade))
			last = a.Fade
		}
		if last > 0 && last < 1 && !reloaded {
			reloaded = true
			s.reload(t, readFile(t, s.corefile()))
		}
		return want(last == 1, "fade is %v", last)
	})
	eventually(t, func() error {
		now := p.each("hash.lb.example.org", clients)
		for i := range now {
			if now[i] != before[i] {
				return want(false, "client %d is with %s, and was with %s", i, now[i], before[i])
			}
		}
		return nil
	})
	check(t, want(reloaded, "there was no reload on the way"))
	eventually(t, func() error {
		got := p.counts("weighted.lb.example.org", 300)
		return want(got[third] == 100, "of 300 answers, %v", got)
	})
}
