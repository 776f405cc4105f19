package test

import (
	"fmt"
	"strings"
	"testing"
)

func TestWeightedIsExact(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.20.1.1", "127.20.1.2", "127.20.1.3")
	s := startCoreDNS(t, lb(`
		check tcp {web}
		policy weighted
		pool www.lb.example.org {
			member 127.20.1.1 weight 5
			member 127.20.1.2 weight 2
			member 127.20.1.3
		}
		pool two.lb.example.org {
			answers 2
			member 127.20.1.1 weight 3
			member 127.20.1.2 weight 4
			member 127.20.1.3 weight 1
		}
		pool heavy.lb.example.org {
			answers 2
			member 127.20.1.1 weight 1000
			member 127.20.1.2
			member 127.20.1.3
		}
		pool all.lb.example.org {
			answers all
			member 127.20.1.1 weight 1000
			member 127.20.1.2
		}`), "{web}", web.port)
	p := s.picker(t)

	// The cycles are of 8, 8, 2 and 1 queries, and begin anywhere.
	for _, tc := range []struct {
		rule, name string
		queries    int
		want       string
	}{
		{"5 to 2 to 1", "www", 800, "map[127.20.1.1:500 127.20.1.2:200 127.20.1.3:100]"},
		{"one cycle", "www", 8, "map[127.20.1.1:5 127.20.1.2:2 127.20.1.3:1]"},
		{"the share is that of answers, and none is above one", "two", 800, "map[127.20.1.1:600 127.20.1.2:800 127.20.1.3:200]"},
		{"the heavy one is in each, the others share what is left", "heavy", 200, "map[127.20.1.1:200 127.20.1.2:100 127.20.1.3:100]"},
		{"all are named", "all", 20, "map[127.20.1.1:20 127.20.1.2:20]"},
	} {
		got := fmt.Sprint(p.counts(tc.name+".lb.example.org", tc.queries))
		check(t, want(got == tc.want, "%s: %d answers name %s, want %s", tc.rule, tc.queries, got, tc.want))
	}

	t.Log("what is smooth does not come in one piece: of 8 answers in a row, no 5 name the heavy one")
	run, longest := 0, 0
	for range 80 {
		if run++; p.a("www.lb.example.org", "") != "127.20.1.1" {
			run = 0
		}
		longest = max(longest, run)
	}
	check(t, want(longest < 5, "%d answers in a row name the heavy one", longest))

	t.Log("dig sees one, and the others take over what one leaves, by weight")
	r := s.dig(t, "www.lb.example.org")
	check(t, want(len(r.answer) == 1 && r.status == "NOERROR" && r.has("aa"), "%s", r.text))
	web.stop("127.20.1.1")
	eventually(t, func() error {
		return want(p.counts("www.lb.example.org", 16)["127.20.1.1"] == 0, "127.20.1.1 is answered with")
	})
	got := fmt.Sprint(p.counts("www.lb.example.org", 300))
	check(t, want(got == "map[127.20.1.2:200 127.20.1.3:100]", "300 answers name %s", got))
	got = fmt.Sprint(p.counts("heavy.lb.example.org", 10))
	check(t, want(got == "map[127.20.1.2:10 127.20.1.3:10]", "10 answers name %s", got))

	t.Log("a resolver's subnet makes no difference")
	ecs := s.dig(t, "www.lb.example.org", "+subnet=203.0.113.0/24")
	check(t, want(ecs.subnet == "", "nobody is believed here:\n%s", ecs.text))
}

// Four clients at once take their turns on one cycle.
func TestWeightedForManyAtOnce(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.20.2.1", "127.20.2.2")
	s := startCoreDNS(t, lb(`
		pool www.lb.example.org {
			check tcp {web}
			policy weighted
			member 127.20.2.1 weight 9
			member 127.20.2.2
		}`), "{web}", web.port)
	results := make(chan map[string]int)
	for range 4 {
		p := s.picker(t)
		go func() { results <- p.counts("www.lb.example.org", 250) }()
	}
	sum := map[string]int{}
	for range 4 {
		for addr, n := range <-results {
			sum[addr] += n
		}
	}
	check(t, want(sum["127.20.2.1"] == 900 && sum["127.20.2.2"] == 100, "1000 answers name %v", sum))
}

// Ten weights of up to 65535: each member has its share to 1 in 1000 long before the cycle of some 100,000 is over.
func TestWeightedWithLargeWeights(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.20.3.1", "127.20.3.2", "127.20.3.3")
	s := startCoreDNS(t, lb(`
		pool www.lb.example.org {
			check tcp {web}
			policy weighted
			member 127.20.3.1 weight 65535
			member 127.20.3.2 weight 32749
			member 127.20.3.3 weight 1
		}`), "{web}", web.port)
	const queries = 3000
	got := s.picker(t).counts("www.lb.example.org", queries)
	for addr, weight := range map[string]int{"127.20.3.1": 65535, "127.20.3.2": 32749, "127.20.3.3": 1} {
		ideal := float64(queries) * float64(weight) / (65535 + 32749 + 1)
		// A smooth cycle is never more than a few answers off; 10 of 3000 is far from chance, which would be 26.
		check(t, want(float64(got[addr]) > ideal-10 && float64(got[addr]) < ideal+10, "%s has %d of %d, want about %.0f", addr, got[addr], queries, ideal))
	}
	check(t, want(!strings.Contains(s.log.String(), "[ERROR]"), "%s", s.log))
}
