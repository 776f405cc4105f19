package test

import (
	"strings"
	"testing"
)

// Losing a member moves its own clients only, be answers of one name or two, weights equal or not, sharded or not; and they come back.
func TestHashClientsComeBack(t *testing.T) {
	t.Parallel()
	addrs := []string{"127.22.3.1", "127.22.3.2", "127.22.3.3", "127.22.3.4", "127.22.3.5"}
	web := startMembers(t, addrs...)
	const members = "member 127.22.3.1\nmember 127.22.3.2 weight 3\nmember 127.22.3.3\nmember 127.22.3.4 weight 2\nmember 127.22.3.5\n}\n"
	s := startCoreDNS(t, lb(`
		check tcp {web}
		ecs 127.0.0.1
		state {dir}/state
		admin 127.0.0.1:{admin}
		policy hash
		pool one.lb.example.org {
			`+members+`
		pool two.lb.example.org {
			answers 2
			`+members+`
		pool coarse.lb.example.org {
			policy hash bits4 20
			`+members+`
		pool whole.lb.example.org {
			shard 2
			answers 2
			`+members), "{web}", web.port)
	p := s.picker(t)
	const clients = 200
	for _, pool := range []string{"one", "two", "coarse", "whole"} {
		name := pool + ".lb.example.org"
		before := p.each(name, clients)
		moved, kept, named := 0, 0, 0 // clients that lost somebody else, or have still all though they had the lost one
		example := ""
		for _, lost := range addrs {
			s.block(t, lost)
			for i, now := range p.each(name, clients) {
				if strings.Contains(now, lost) {
					named++
				}
				for _, addr := range strings.Fields(before[i]) {
					if addr != lost && !strings.Contains(now, addr) {
						moved++
						example = subnetOf(i) + " had " + before[i] + ", and has without " + lost + " " + now
					}
				}
				if strings.Contains(before[i], lost) && len(now) < len(before[i]) {
					kept++
				}
			}
		}
		check(t, want(named == 0, "%s: lost members are named %d times", pool, named))
		check(t, want(kept == 0, "%s: %d answers are shorter than before", pool, kept))
		check(t, want(moved == 0, "%s: of %d answers, %d have left a member that was not lost: %s", pool, clients*len(addrs), moved, example))
		s.block(t)
		for i, now := range p.each(name, clients) {
			check(t, want(now == before[i], "%s: client %d gets %s, and had %s", pool, i, now, before[i]))
		}
	}
}
