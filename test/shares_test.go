package test

import (
	"math"
	"strings"
	"testing"
)

// What a member is meant to have and what it has had stand side by side, in the API and as metrics.
func TestServedBesideConfigured(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.34.1.1", "127.34.1.2", "127.34.1.3", "127.34.1.9")
	const members = "member 127.34.1.1 weight 5 id a\nmember 127.34.1.2 weight 3 id b\nmember 127.34.1.3 weight 2 id c\nmember 127.34.1.9 weight 0 id spare\n}\n"
	corefile := lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		check tcp {web}
		pool weighted.lb.example.org {
			policy weighted
			`+members+`
		pool robin.lb.example.org {
			fade_in 1h
			`+members+`
		pool least.lb.example.org {
			policy least
			`+members+`
		pool failover.lb.example.org {
			policy failover
			`+members, "prometheus 127.0.0.1:{metrics}")
	s := startCoreDNS(t, corefile, "{web}", web.port)
	p := s.picker(t)
	metric := func(metrics map[string]float64, name, pool, id string) float64 {
		value, there := metrics["coredns_healthlb_"+name+`{family="A",member="`+id+`",pool="`+pool+`.lb.example.org."}`]
		if !there {
			return math.NaN()
		}
		return value
	}
	addrs := map[string]string{"a": "127.34.1.1", "b": "127.34.1.2", "c": "127.34.1.3", "spare": "127.34.1.9"}
	configured := func(pool string, shares map[string]float64) {
		t.Helper()
		doc, metrics := s.pool(t, pool+".lb.example.org"), s.metrics(t)
		for id, addr := range addrs {
			a := doc.address(t, addr)
			check(t, want(math.Abs(a.Configured-shares[id]) < 1e-9, "%s: %s is configured to %v, want %v", pool, id, a.Configured, shares[id]))
			check(t, want(metric(metrics, "member_share_configured", pool, id) == a.Configured, "%s: the metric for %s differs from %v", pool, id, a.Configured))
		}
	}
	third := 1.0 / 3
	configured("weighted", map[string]float64{"a": 0.5, "b": 0.3, "c": 0.2})
	configured("robin", map[string]float64{"a": third, "b": third, "c": third})
	configured("least", map[string]float64{"a": 0.5, "b": 0.3, "c": 0.2})
	configured("failover", map[string]float64{"a": 1})

	doc := s.pool(t, "weighted.lb.example.org")
	check(t, want(doc.Policy == "weighted" && doc.Answers == 1 && doc.Members[0].Weight == 5 && doc.Members[3].Weight == 0, "%+v", doc))
	check(t, want(doc.address(t, "127.34.1.1").Served == 0, "nobody has asked"))
	check(t, want(s.pool(t, "robin.lb.example.org").FadeIn == 3600, "%+v", s.pool(t, "robin.lb.example.org")))

	const queries = 200
	for _, pool := range []string{"weighted", "robin", "failover"} {
		counts := p.counts(pool+".lb.example.org", queries)
		doc, metrics := s.pool(t, pool+".lb.example.org"), s.metrics(t)
		total := 0
		for _, n := range counts {
			total += n
		}
		for id, addr := range addrs {
			a := doc.address(t, addr)
			// Shares are those of the last five minutes, seen through windows: exact unless one ends here, when it is a little off.
			share := float64(counts[addr]) / float64(total)
			check(t, want(math.Abs(a.Served-share) < 0.05, "%s: %s is served %v, want %v", pool, id, a.Served, share))
			check(t, want(math.Abs(metric(metrics, "member_share_served", pool, id)-share) < 0.05, "%s: the metric for %s is not %v", pool, id, share))
			check(t, want(a.Answers == counts[addr], "%s: %s has %d answers, want %d", pool, id, a.Answers, counts[addr]))
			check(t, want(metric(metrics, "member_answers_total", pool, id) == float64(counts[addr]), "%s: the metric for %s is not %d", pool, id, counts[addr]))
		}
	}

	t.Log("without a, the others have what is left, and the spare still nothing")
	s.block(t, "127.34.1.1")
	configured("weighted", map[string]float64{"b": 0.6, "c": 0.4})
	configured("failover", map[string]float64{"b": 1})
	s.block(t, "127.34.1.1", "127.34.1.2", "127.34.1.3")
	configured("weighted", map[string]float64{"spare": 1})
	s.block(t)

	t.Log("series that mean nothing are not there")
	metrics := s.metrics(t)
	check(t, want(metric(metrics, "member_fade", "robin", "a") == 1, "fade of a"))
	check(t, want(metric(metrics, "member_leases", "least", "a") == 0, "leases of a"))
	check(t, want(math.IsNaN(metric(metrics, "member_fade", "least", "a")), "a fade without fade_in"))
	check(t, want(math.IsNaN(metric(metrics, "member_leases", "weighted", "a")), "leases without a policy that looks at them"))

	t.Log("counters outlive a reload, and go with their member")
	s.reload(t, strings.ReplaceAll(corefile, "member 127.34.1.3 weight 2 id c\n", ""))
	doc = s.pool(t, "weighted.lb.example.org")
	check(t, want(doc.address(t, "127.34.1.1").Answers == queries/2, "%+v", doc.address(t, "127.34.1.1")))
	configured2 := doc.address(t, "127.34.1.1").Configured
	check(t, want(math.Abs(configured2-5.0/8) < 1e-9, "a is configured to %v", configured2))
	for name := range s.metrics(t) {
		check(t, want(!strings.Contains(name, `member="c"`), "%s is still there", name))
	}
}
