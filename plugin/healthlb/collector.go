package healthlb

import (
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"

	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/probe"
)

func init() { prometheus.MustRegister(collector{theHub}) }

// collector shows what is known of pools and members at the moment someone looks. Nothing has to be kept in step, and the series of a
// member go when it goes.
type collector struct{ hub *hub }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, subsystem, name), help, labels, nil)
}

var (
	membersDesc       = describe("members", "Gauge of members by state; a blocked one counts as blocked, a drained one as drained, else its worst family decides.", "pool", "state")
	memberUpDesc      = describe("member_up", "Gauge that is 1 while health lets the member be answered with.", "pool", "member", "family")
	memberAnswersDesc = describe("member_answers_total", "Counter of answers that named the member.", "pool", "member", "family")
	configuredDesc    = describe("member_share_configured", "Gauge of the member's share in the names of answers that its configuration and health give it now.", "pool", "member", "family")
	servedDesc        = describe("member_share_served", "Gauge of the share that it had in the last five minutes.", "pool", "member", "family")
	fadeDesc          = describe("member_fade", "Gauge that is below 1 while a member that came up fades in: how much of its share it has.", "pool", "member", "family")
	leasesDesc        = describe("member_leases", "Gauge of the answers naming the member that caches may hold, each divided by how many it names.", "pool", "member", "family")
	transitionsDesc   = describe("transitions_total", "Counter of how often a member entered a state, both families together.", "pool", "member", "to")
	answersDesc       = describe("answers_total", "Counter of answers to queries for a pool's addresses.", "pool")
	allDownDesc       = describe("all_down_answers_total", "Counter of answers given while too few members were eligible.", "pool")
	drainsDesc        = describe("drains", "Gauge of members that are drained, or about to be.")
	registrationsDesc = describe("registrations", "Gauge of members that registered themselves and keep their lease.")
	blocksDesc        = describe("blocks", "Gauge of entries of the block list.")
	fileErrorsDesc    = describe("members_file_errors_total", "Counter of members files that were missing or wrong, so that the members of before stayed.", "pool")
	certDesc          = describe("cert_expiry_seconds", "Gauge of the time until the certificate runs out that the member showed last; negative when it has.", "pool", "member", "family")
	isolatedDesc      = describe("isolated", "Gauge that is 1 while the responder takes itself to be cut off, and answers with members as before that.")
	staleDesc         = describe("stale_targets", "Gauge of targets whose probes run late by more than an interval, so that what is known of their members may be old.")
	tripwiresDesc     = describe("tripwires", "Gauge of targets that ask for a tripwire, by what it is doing: held, waiting (to be made), none (too few descriptors).", "state")
	expressDesc       = describe("express_sockets", "Gauge of express sockets that queries come to; 0 while they are answered the ordinary way.", "server")
	budgetDesc        = describe("failover_budget_seconds", "Gauge of the worst case from a member's death to the end of its use.", "pool")
)

// What members count as in the metric members, beside the states of their health, by order of an operator.
const (
	blockedState = "blocked"
	drainedState = "drained"
)

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		membersDesc, memberUpDesc, transitionsDesc, answersDesc, allDownDesc, blocksDesc, fileErrorsDesc, budgetDesc,
		memberAnswersDesc, configuredDesc, servedDesc, fadeDesc, leasesDesc, drainsDesc, registrationsDesc,
		certDesc, tripwiresDesc, isolatedDesc, staleDesc, expressDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	blocks := c.hub.blocksOf(c.hub.current.Load())
	gauge(ch, blocksDesc, float64(blocks.Len()))
	gauge(ch, drainsDesc, float64(c.hub.countDrains()))
	gauge(ch, isolatedDesc, oneIf(c.hub.isolated()))
	gauge(ch, staleDesc, float64(c.hub.stale.Load()))
	gauge(ch, registrationsDesc, float64(c.hub.leases.len()))
	wires := c.hub.tripwires()
	for _, state := range []probe.WireState{probe.WireHeld, probe.WireWaiting, probe.WireNone} {
		gauge(ch, tripwiresDesc, float64(wires[state]), state.String())
	}
	for server, n := range c.hub.lanes.sockets() {
		gauge(ch, expressDesc, float64(n), server)
	}
	now := time.Now()
	for _, p := range c.hub.pools() {
		stats := p.Stats()
		counter(ch, answersDesc, stats.Answers.Load(), p.Name)
		counter(ch, allDownDesc, stats.AllDownAnswers.Load(), p.Name)
		if len(p.config.MembersFiles) > 0 {
			counter(ch, fileErrorsDesc, stats.FileErrors.Load(), p.Name)
		}
		gauge(ch, budgetDesc, p.config.FailoverBudget().Seconds(), p.Name)
		collectMembers(ch, p, p.View(p.around(), now), now)
	}
}

func collectMembers(ch chan<- prometheus.Metric, p *livePool, v pool.View, now time.Time) {
	name := p.Name
	members := map[string]int{blockedState: 0, drainedState: 0}
	for s := range health.States {
		members[health.State(s).String()] = 0
	}
	for _, m := range v.Members {
		members[memberState(m)]++
		var entered [health.States]uint64
		for _, a := range m.Addresses {
			labels := []string{name, m.ID, a.Family.String()}
			gauge(ch, memberUpDesc, oneIf(a.State.Serving()), labels...)
			counter(ch, memberAnswersDesc, a.Answers, labels...)
			gauge(ch, configuredDesc, a.Configured, labels...)
			gauge(ch, servedDesc, a.Served, labels...)
			if p.FadeIn.Over > 0 {
				gauge(ch, fadeDesc, a.Fade, labels...)
			}
			if p.Policy.Leases() {
				gauge(ch, leasesDesc, a.Leases, labels...)
			}
			if until := earliest(a.Checks); !until.IsZero() {
				gauge(ch, certDesc, until.Sub(now).Seconds(), labels...)
			}
			for to, n := range a.Transitions {
				entered[to] += n
			}
		}
		for to, n := range entered {
			if health.State(to) != health.Unknown { // never entered
				counter(ch, transitionsDesc, n, name, m.ID, health.State(to).String())
			}
		}
	}
	for state, n := range members {
		gauge(ch, membersDesc, float64(n), name, state)
	}
}

// earliest returns when the first of the certificates runs out that the checks of an address have seen; the zero time when none has.
func earliest(checks []pool.CheckView) (until time.Time) {
	for _, c := range checks {
		if !c.NotAfter.IsZero() && (until.IsZero() || c.NotAfter.Before(until)) {
			until = c.NotAfter
		}
	}
	return until
}

func memberState(m pool.MemberView) string {
	worst := health.Up
	for _, a := range m.Addresses {
		if a.Block != nil {
			return blockedState
		}
		worst = health.Worst(worst, a.State)
	}
	if m.Drained {
		return drainedState
	}
	return worst.String()
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, v uint64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}
