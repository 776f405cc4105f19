package test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.13.1.1", "127.13.1.2", "127.13.1.3", "::1")
	corefile := lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		check tcp {web}
		pool www.lb.example.org {
			member 127.13.1.1 ::1 id web-1
			member 127.13.1.2 id web-2
			member 127.13.1.3 id web-3
			member 127.13.1.4 id web-4
		}
		pool api.lb.example.org {
			ttl 10s
			interval 2s
			timeout 1s
			confirm 500ms
			failures 3
			check tcp {closed}
			member 127.13.1.1
		}`, "prometheus 127.0.0.1:{metrics}")
	s := startCoreDNS(t, corefile, "{web}", web.port, "{closed}", freePort(t))

	const prefix = "coredns_healthlb_"
	samples := func(wanted map[string]float64) error {
		all := s.metrics(t)
		for name, value := range wanted {
			if got, there := all[prefix+name]; !there || got != value {
				return fmt.Errorf("%s is %v (there: %v), want %v", name, got, there, value)
			}
		}
		return nil
	}
	const www, api = `pool="www.lb.example.org."`, `pool="api.lb.example.org."`
	check(t, samples(map[string]float64{
		`members{` + www + `,state="up"}`:                         3,
		`members{` + www + `,state="down"}`:                       1,
		`members{` + www + `,state="suspect"}`:                    0,
		`members{` + www + `,state="lame"}`:                       0,
		`members{` + www + `,state="unknown"}`:                    0,
		`members{` + www + `,state="blocked"}`:                    0,
		`members{` + api + `,state="down"}`:                       1,
		`member_up{family="A",member="web-1",` + www + `}`:        1,
		`member_up{family="AAAA",member="web-1",` + www + `}`:     1,
		`member_up{family="A",member="web-4",` + www + `}`:        0,
		`member_up{family="A",member="127.13.1.1",` + api + `}`:   0,
		`transitions_total{member="web-1",` + www + `,to="up"}`:   2,
		`transitions_total{member="web-4",` + www + `,to="down"}`: 1,
		`transitions_total{member="web-4",` + www + `,to="up"}`:   0,
		`answers_total{` + www + `}`:                              0,
		`all_down_answers_total{` + www + `}`:                     0,
		`blocks`:                                                  0,
		`failover_budget_seconds{` + api + `}`:                    2.5 + 3 + 1 + 10,
		`failover_budget_seconds{` + www + `}`:                    0.5 + 0.8 + 0.02 + 30,
	}))

	t.Log("answers are counted")
	for range 3 {
		s.dig(t, "www.lb.example.org")
		s.dig(t, "api.lb.example.org")
	}
	s.dig(t, "www.lb.example.org", "AAAA")
	s.dig(t, "www.lb.example.org", "TXT")
	check(t, samples(map[string]float64{
		`answers_total{` + www + `}`: 4, `all_down_answers_total{` + www + `}`: 0,
		`answers_total{` + api + `}`: 3, `all_down_answers_total{` + api + `}`: 3,
	}))

	t.Log("so are blocks and requests")
	s.curl(t, "PUT /v1/blocklist", "127.13.1.3\n192.0.2.0/24").is(t, 200)
	s.curl(t, "GET /v1/nothing", "").is(t, 404)
	s.curl(t, "BREW /v1/pools", "").is(t, 405)
	check(t, samples(map[string]float64{
		`blocks`: 2, `members{` + www + `,state="blocked"}`: 1, `members{` + www + `,state="up"}`: 2,
		`admin_requests_total{code="200",method="PUT"}`:   1,
		`admin_requests_total{code="404",method="GET"}`:   1,
		`admin_requests_total{code="405",method="other"}`: 1,
	}))

	t.Log("and probes")
	eventually(t, func() error {
		all := s.metrics(t)
		passed, failed := all[prefix+`probes_total{kind="tcp",result="pass"}`], all[prefix+`probes_total{kind="tcp",result="fail"}`]
		_, inconclusive := all[prefix+`probes_total{kind="tcp",result="inconclusive"}`]
		took := all[prefix+`probe_duration_seconds_count{kind="tcp"}`]
		lag := all[prefix+`probe_lag_seconds_count`]
		return want(passed >= 8 && failed >= 2 && inconclusive && took >= passed && lag >= passed, "%v passed, %v failed, %v took, %v lagged",
			passed, failed, took, lag)
	})

	t.Log("the series of a member go when it goes")
	s.reload(t, strings.ReplaceAll(corefile, "member 127.13.1.2 id web-2", ""))
	for name := range s.metrics(t) {
		if strings.Contains(name, "web-2") {
			t.Errorf("%s is still there", name)
		}
	}
	check(t, samples(map[string]float64{
		`member_up{family="A",member="web-1",` + www + `}`:      1,
		`transitions_total{member="web-1",` + www + `,to="up"}`: 2,
		`answers_total{` + www + `}`:                            4,
	}))
	s.reload(t, strings.Split(corefile, "pool api")[0]+"}\n}\n")
	for name := range s.metrics(t) {
		if strings.Contains(name, "api.lb.example.org") {
			t.Errorf("%s is still there", name)
		}
	}

	t.Log("all labels are of closed sets, or from the configuration")
	labels := regexp.MustCompile(`^coredns_healthlb_(members\{pool,state\}|member_up\{family,member,pool\}|transitions_total\{member,pool,to\}|` +
		`probes_total\{kind,result\}|probe_duration_seconds_(bucket\{kind,le\}|sum\{kind\}|count\{kind\})|probe_lag_seconds_(bucket\{le\}|sum|count)|` +
		`answers_total\{pool\}|all_down_answers_total\{pool\}|blocks|drains|registrations|express_answers_total\{result\}|express_sockets\{server\}|tripwires\{state\}|isolated|stale_targets|cert_expiry_seconds\{family,member,pool\}|webhook_events_total\{result\}|admin_requests_total\{code,method\}|failover_budget_seconds\{pool\}|` +
		`members_file_errors_total\{pool\}|places_file_errors_total|member_(answers_total|share_configured|share_served)\{family,member,pool\})$`)
	values := regexp.MustCompile(`="[^"]*"`)
	for name := range s.metrics(t) {
		if strings.HasPrefix(name, prefix) && !labels.MatchString(values.ReplaceAllString(name, "")) {
			t.Errorf("%s is not in DESIGN.md section 8", name)
		}
	}
}

func TestTransitionsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.13.2.1", "127.13.2.2")
	s := startCoreDNS(t, lb(`
		check tcp {web}
		pool www.lb.example.org {
			member 127.13.2.1
			member 127.13.2.2 id web-2
		}`), "{web}", web.port)
	const words = "Pool www.lb.example.org. member web-2 A 127.13.2.2: "
	logged := func(n int, words ...string) error {
		got := s.log.count(words...)
		return want(got == n, "%d lines have %q, want %d:\n%s", got, words, n, s.log)
	}
	check(t, logged(1, words+"unknown -> up"))
	web.stop("127.13.2.2")
	eventually(t, func() error { return logged(1, "[WARNING]", words+"suspect -> down: connection refused") })
	check(t, logged(1, words+"up -> suspect: connection refused"))
	before := web.count("127.13.2.1")
	eventually(t, func() error { return want(web.count("127.13.2.1") > before+3, "no probes") }) // and so of the other
	web.start(t, "127.13.2.2")
	eventually(t, func() error { return logged(1, words+"down -> up") })
	check(t, logged(4, "member web-2"))
	check(t, logged(1, "member 127.13.2.1"))
}
