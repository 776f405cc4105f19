package test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Weights, policies, tiers and all else may change in a reload: it takes effect with the next query, and no member loses its state. The
// members are probed once an hour, so what is known after a reload was known before.
func TestReloadOfPolicies(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.35.1.1", "127.35.1.2", "127.35.1.3")
	corefile := func(settings string, options ...string) string {
		var members strings.Builder
		for i := range 4 {
			option := ""
			if i < len(options) {
				option = options[i]
			}
			fmt.Fprintf(&members, "member 127.35.1.%d %s\n", i+1, option)
		}
		return strings.NewReplacer("interval 400ms", "interval 1h").Replace(lb(`
		admin 127.0.0.1:{admin}
		ecs 127.0.0.1
		place eu 10.0.0.0/8
		check tcp {web}
		pool www.lb.example.org {
			answers 1
			` + settings + "\n" + members.String() + "}"))
	}
	s := startCoreDNS(t, corefile(""), "{web}", web.port)
	p := s.picker(t)
	since := map[string]time.Time{}
	for i := range 4 {
		addr := fmt.Sprintf("127.35.1.%d", i+1)
		since[addr] = s.pool(t, "www.lb.example.org").address(t, addr).Since
	}
	for _, tc := range []struct {
		rule, settings string
		options        []string
		queries        int
		want           string
	}{
		{"weights", "policy weighted", []string{"weight 3", "weight 2"}, 60, "map[127.35.1.1:30 127.35.1.2:20 127.35.1.3:10]"},
		{"other weights", "policy weighted", []string{"weight 1", "weight 1", "weight 4", "weight 9"}, 60, "map[127.35.1.1:10 127.35.1.2:10 127.35.1.3:40]"},
		{"a standby", "policy weighted", []string{"weight 0", "weight 1", "weight 4"}, 50, "map[127.35.1.2:10 127.35.1.3:40]"},
		{"weights under a policy that has none", "policy round_robin", []string{"weight 7", "weight 1", "weight 4"}, 60, "map[127.35.1.1:20 127.35.1.2:20 127.35.1.3:20]"},
		{"tiers", "policy weighted", []string{"priority 2", "", "priority 2"}, 20, "map[127.35.1.2:20]"},
		{"other tiers", "policy round_robin", []string{"priority 2", "priority 3", "priority 2"}, 20, "map[127.35.1.1:10 127.35.1.3:10]"},
		{"a tier of which nobody is up", "policy round_robin", []string{"priority 2", "priority 3", "priority 2", "priority 1"}, 20, "map[127.35.1.1:10 127.35.1.3:10]"},
		{"failover", "policy failover", []string{"", "", "priority 9"}, 20, "map[127.35.1.3:20]"},
		{"failover in the order written", "policy failover", nil, 20, "map[127.35.1.1:20]"},
		{"a shard", "policy failover\nshard 2", nil, 20, "map[127.35.1.1:20]"},
		{"two answers", "policy weighted\nmin_up 3", []string{"weight 2", "weight 1", "weight 1"}, 40, "map[127.35.1.1:20 127.35.1.2:10 127.35.1.3:10]"},
		{"back", "", nil, 30, "map[127.35.1.1:10 127.35.1.2:10 127.35.1.3:10]"},
	} {
		s.reload(t, corefile(tc.settings, tc.options...))
		got := fmt.Sprint(p.counts("www.lb.example.org", tc.queries))
		check(t, want(got == tc.want, "%s: %d answers name %s, want %s", tc.rule, tc.queries, got, tc.want))
	}

	t.Log("to hash, and with weights, and back")
	s.reload(t, corefile("policy hash"))
	even := p.each("www.lb.example.org", 100)
	check(t, want(len(tally(even)) == 3, "%v", tally(even)))
	s.reload(t, corefile("policy hash", "weight 8"))
	heavy := p.each("www.lb.example.org", 100)
	moved := 0
	for i := range even {
		if heavy[i] != even[i] {
			moved++
			check(t, want(heavy[i] == "127.35.1.1", "client %d has gone from %s to %s, although 127.35.1.1 has more weight", i, even[i], heavy[i]))
		}
	}
	check(t, want(moved > 20, "the weight has moved %d clients", moved))
	s.reload(t, corefile("policy hash"))
	for i, now := range p.each("www.lb.example.org", 100) {
		check(t, want(now == even[i], "client %d is with %s, and was with %s", i, now, even[i]))
	}

	t.Log("to regions, and to least with its leases")
	s.reload(t, corefile("policy round_robin\nprefer region", "", "region eu"))
	check(t, want(p.a("www.lb.example.org", "10.1.2.0/24") == "127.35.1.2", "not the client's region"))
	s.reload(t, corefile("policy least\nttl 1h"))
	p.counts("www.lb.example.org", 30)
	leases := 0.0
	for i := range 4 {
		leases += s.pool(t, "www.lb.example.org").address(t, fmt.Sprintf("127.35.1.%d", i+1)).Load.Leases
	}
	check(t, want(leases == 30, "%v leases of 30 answers", leases))

	t.Log("a bad one changes nothing")
	s.reloadFails(t, corefile("policy least\nttl 1h", "weight 70000"), "Corefile:20: member 127.35.1.1 weight 70000")
	s.reloadFails(t, corefile("policy leest"), "Corefile:18: policy leest", "did you mean least?")
	check(t, want(s.pool(t, "www.lb.example.org").Policy == "least", "%+v", s.pool(t, "www.lb.example.org")))

	for addr, then := range since {
		a := s.pool(t, "www.lb.example.org").address(t, addr)
		check(t, want(a.Since.Equal(then) && a.Eligible == (addr != "127.35.1.4") && a.Fade == 1, "%+v, since %v", a, then))
	}
	check(t, want(web.count("127.35.1.1") == 1, "probed %d times", web.count("127.35.1.1")))
}

// Members of a file may change their weights and tiers, too.
func TestMembersFileWithWeights(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.35.2.1", "127.35.2.2", "127.35.2.3")
	s := prepare(t, lb(`
		pool www.lb.example.org {
			check tcp {web}
			policy weighted
			members {dir}/members
		}`), "{web}", web.port)
	list := s.dir + "/members"
	writeFile(t, list, "127.35.2.1 weight 2\n127.35.2.2\n127.35.2.3 priority 2\n")
	s.launch(t)
	s.firstAnswer(t, "www.lb.example.org")
	p := s.picker(t)
	counts := func(wanted string) error {
		got := fmt.Sprint(p.counts("www.lb.example.org", 30))
		return want(got == wanted, "30 answers name %s, want %s", got, wanted)
	}
	must(t, counts("map[127.35.2.1:20 127.35.2.2:10]"))
	replaceFile(t, list, "127.35.2.1 weight 1\n127.35.2.2 weight 4\n127.35.2.3 priority 2\n")
	eventually(t, func() error { return counts("map[127.35.2.1:6 127.35.2.2:24]") })
	replaceFile(t, list, "127.35.2.1 weight 0\n127.35.2.3 weight 3 priority 2\n")
	eventually(t, func() error { return counts("map[127.35.2.3:30]") })
	mark := s.log.mark()
	replaceFile(t, list, "127.35.2.1 priority 0\n")
	eventually(t, func() error {
		return want(hasAll(s.log.since(mark), "members:1: 127.35.2.1 priority 0"), "%s", s.log.since(mark))
	})
	must(t, counts("map[127.35.2.3:30]"))
}
