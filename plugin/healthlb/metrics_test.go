package healthlb

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/pool"
)

const metricsCorefile = `healthlb {
	interval 2s
	pool www.example.org {
		member 127.0.0.1 2001:db8::1 id a
		member 127.0.0.2 id b
		ttl 10s
	}
}`

func TestMetrics(t *testing.T) {
	h, handler := showing(t, metricsCorefile, omitEntry("127.0.0.2/32"))
	p := h.pool("www.example.org.")
	for _, s := range p.Slots() {
		s.Observe(pool.Observation{Outcome: health.Pass, At: time.Now()})
	}
	h.rebuild(p)
	for range 3 {
		ask(t, handler, "203.0.113.1", query("www.example.org.", dns.TypeA))
	}
	want := `
# HELP coredns_healthlb_all_down_answers_total Counter of answers given while too few members were eligible.
# TYPE coredns_healthlb_all_down_answers_total counter
coredns_healthlb_all_down_answers_total{pool="www.example.org."} 0
# HELP coredns_healthlb_answers_total Counter of answers to queries for a pool's addresses.
# TYPE coredns_healthlb_answers_total counter
coredns_healthlb_answers_total{pool="www.example.org."} 3
# HELP coredns_healthlb_blocks Gauge of entries of the block list.
# TYPE coredns_healthlb_blocks gauge
coredns_healthlb_blocks 1
# HELP coredns_healthlb_drains Gauge of members that are drained, or about to be.
# TYPE coredns_healthlb_drains gauge
coredns_healthlb_drains 0
# HELP coredns_healthlb_failover_budget_seconds Gauge of the worst case from a member's death to the end of its use.
# TYPE coredns_healthlb_failover_budget_seconds gauge
coredns_healthlb_failover_budget_seconds{pool="www.example.org."} 16
# HELP coredns_healthlb_isolated Gauge that is 1 while the responder takes itself to be cut off, and answers with members as before that.
# TYPE coredns_healthlb_isolated gauge
coredns_healthlb_isolated 0
# HELP coredns_healthlb_member_answers_total Counter of answers that named the member.
# TYPE coredns_healthlb_member_answers_total counter
coredns_healthlb_member_answers_total{family="A",member="a",pool="www.example.org."} 3
coredns_healthlb_member_answers_total{family="A",member="b",pool="www.example.org."} 0
coredns_healthlb_member_answers_total{family="AAAA",member="a",pool="www.example.org."} 0
# HELP coredns_healthlb_member_share_configured Gauge of the member's share in the names of answers that its configuration and health give it now.
# TYPE coredns_healthlb_member_share_configured gauge
coredns_healthlb_member_share_configured{family="A",member="a",pool="www.example.org."} 1
coredns_healthlb_member_share_configured{family="A",member="b",pool="www.example.org."} 0
coredns_healthlb_member_share_configured{family="AAAA",member="a",pool="www.example.org."} 1
# HELP coredns_healthlb_member_share_served Gauge of the share that it had in the last five minutes.
# TYPE coredns_healthlb_member_share_served gauge
coredns_healthlb_member_share_served{family="A",member="a",pool="www.example.org."} 1
coredns_healthlb_member_share_served{family="A",member="b",pool="www.example.org."} 0
coredns_healthlb_member_share_served{family="AAAA",member="a",pool="www.example.org."} 0
# HELP coredns_healthlb_member_up Gauge that is 1 while health lets the member be answered with.
# TYPE coredns_healthlb_member_up gauge
coredns_healthlb_member_up{family="A",member="a",pool="www.example.org."} 1
coredns_healthlb_member_up{family="A",member="b",pool="www.example.org."} 1
coredns_healthlb_member_up{family="AAAA",member="a",pool="www.example.org."} 1
# HELP coredns_healthlb_members Gauge of members by state; a blocked one counts as blocked, a drained one as drained, else its worst family decides.
# TYPE coredns_healthlb_members gauge
coredns_healthlb_members{pool="www.example.org.",state="blocked"} 1
coredns_healthlb_members{pool="www.example.org.",state="down"} 0
coredns_healthlb_members{pool="www.example.org.",state="drained"} 0
coredns_healthlb_members{pool="www.example.org.",state="lame"} 0
coredns_healthlb_members{pool="www.example.org.",state="suspect"} 0
coredns_healthlb_members{pool="www.example.org.",state="unknown"} 0
coredns_healthlb_members{pool="www.example.org.",state="up"} 1
# HELP coredns_healthlb_registrations Gauge of members that registered themselves and keep their lease.
# TYPE coredns_healthlb_registrations gauge
coredns_healthlb_registrations 0
# HELP coredns_healthlb_stale_targets Gauge of targets whose probes run late by more than an interval, so that what is known of their members may be old.
# TYPE coredns_healthlb_stale_targets gauge
coredns_healthlb_stale_targets 0
# HELP coredns_healthlb_transitions_total Counter of how often a member entered a state, both families together.
# TYPE coredns_healthlb_transitions_total counter
coredns_healthlb_transitions_total{member="a",pool="www.example.org.",to="down"} 0
coredns_healthlb_transitions_total{member="a",pool="www.example.org.",to="lame"} 0
coredns_healthlb_transitions_total{member="a",pool="www.example.org.",to="suspect"} 0
coredns_healthlb_transitions_total{member="a",pool="www.example.org.",to="up"} 2
coredns_healthlb_transitions_total{member="b",pool="www.example.org.",to="down"} 0
coredns_healthlb_transitions_total{member="b",pool="www.example.org.",to="lame"} 0
coredns_healthlb_transitions_total{member="b",pool="www.example.org.",to="suspect"} 0
coredns_healthlb_transitions_total{member="b",pool="www.example.org.",to="up"} 1
# HELP coredns_healthlb_tripwires Gauge of targets that ask for a tripwire, by what it is doing: held, waiting (to be made), none (too few descriptors).
# TYPE coredns_healthlb_tripwires gauge
coredns_healthlb_tripwires{state="held"} 0
coredns_healthlb_tripwires{state="none"} 0
coredns_healthlb_tripwires{state="waiting"} 0
`
	if err := testutil.CollectAndCompare(collector{h}, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// TestMetricNames holds the names of all metrics against Prometheus's own rules.
func TestMetricNames(t *testing.T) {
	metricsOf("tcp")
	observeRequest("GET", 200)
	problems, err := testutil.GatherAndLint(prometheus.DefaultGatherer)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "coredns_healthlb_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestPoolStatus(t *testing.T) {
	h, _ := showing(t, metricsCorefile)
	p := h.pool("www.example.org.")
	say := func(outcome health.Outcome, members ...string) string {
		for _, s := range p.Slots() {
			if addr := s.Probe.Addr().String(); slices.Contains(members, addr) {
				s.Observe(pool.Observation{Outcome: outcome, At: time.Now(), Reason: "refused"})
			}
		}
		status, _ := h.Pool("www.example.org.")
		return fmt.Sprint(status.Status, " ", status.Families)
	}
	for _, step := range []struct {
		outcome health.Outcome
		members []string
		want    string
	}{
		{health.Pass, []string{"127.0.0.1"}, "down [{A 2 1 1 false} {AAAA 1 0 1 true}]"},
		{health.Pass, []string{"2001:db8::1"}, "degraded [{A 2 1 1 false} {AAAA 1 1 1 false}]"},
		{health.Pass, []string{"127.0.0.2"}, "full [{A 2 2 1 false} {AAAA 1 1 1 false}]"},
	} {
		if got := say(step.outcome, step.members...); got != step.want {
			t.Errorf("after %s of %v: %s, want %s", step.outcome, step.members, got, step.want)
		}
	}
}

func TestTransitionLogIsBounded(t *testing.T) {
	l := newTransitionLog()
	for range logBurst + 50 {
		l.write(health.Up, "a transition")
	}
	if n := l.skipped.Load(); n < 40 || n > 50 {
		t.Errorf("%d of %d transitions were left out, want about 50", n, logBurst+50)
	}
}
