package config

import (
	"net/netip"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/pool"
)

func onlyPool(t *testing.T, lines string) *Pool {
	t.Helper()
	return &mustParse(t, inPool(lines)).Pools[0]
}

func interval(p *Pool) any  { return p.Interval.String() }
func timeout(p *Pool) any   { return p.Timeout.String() }
func confirm(p *Pool) any   { return p.Confirm.String() }
func threshold(p *Pool) any { return [3]int{p.Min, p.Max, p.Rise} }
func answers(p *Pool) any   { return p.Answers }
func ttls(p *Pool) any      { return [2]uint32{p.TTL, p.LowTTL} }
func allDown(p *Pool) any   { return p.AllDown }
func minUp(p *Pool) any     { return p.MinUp }
func ecs(p *Pool) any       { return p.ECS }

func addrs(s ...string) (as []netip.Addr) {
	for _, a := range s {
		as = append(as, netip.MustParseAddr(a))
	}
	return as
}

func prefixes(s ...string) (ps []netip.Prefix) {
	for _, p := range s {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}

var rightSettings = []right[*Pool]{
	{"", interval, "5s"},
	{"interval 100ms", interval, "100ms"},
	{"interval 1h", interval, "1h0m0s"},
	{"interval 1m30s", interval, "1m30s"},

	// a quarter of the interval, at least the smaller of interval and 250ms, at most 2s
	{"", timeout, "1.25s"},
	{"interval 8s", timeout, "2s"},
	{"interval 1h", timeout, "2s"},
	{"interval 1s", timeout, "250ms"},
	{"interval 200ms", timeout, "200ms"},
	{"timeout 5s", timeout, "5s"},
	{"timeout 1ms", timeout, "1ms"},

	{"", confirm, "1s"},
	{"interval 500ms", confirm, "500ms"},
	{"interval 1h", confirm, "1s"},
	{"confirm 10ms", confirm, "10ms"},
	{"confirm 5s", confirm, "5s"},

	// MAX is the larger of 60 and 20 x MIN
	{"", threshold, [3]int{3, 60, 2}},
	{"failures 1", threshold, [3]int{1, 60, 2}},
	{"failures 4", threshold, [3]int{4, 80, 2}},
	{"failures 4 5", threshold, [3]int{4, 5, 2}},
	{"failures 999999", threshold, [3]int{999_999, 1_000_000, 2}},
	{"rise 1", threshold, [3]int{3, 60, 1}},
	{"rise 1000", threshold, [3]int{3, 60, 1000}},

	{"", answers, 8},
	{"policy random", answers, 8},
	{"policy hash", answers, 1},
	{"policy weighted", answers, 1},
	{"policy least", answers, 1},
	{"policy failover", answers, 8},
	{"policy hash\nanswers 3", answers, 3},
	{"answers 65535", answers, 65535},
	{"answers all", answers, 0},

	{"", ttls, [2]uint32{30, 5}},
	{"ttl 3s", ttls, [2]uint32{3, 3}},
	{"ttl 1d", ttls, [2]uint32{86400, 5}},
	{"ttl 1m low 1m", ttls, [2]uint32{60, 60}},
	{"ttl 1s low 1s", ttls, [2]uint32{1, 1}},

	{"", allDown, pool.AllDown{Mode: pool.AllDownAll}},
	{"all_down all", allDown, pool.AllDown{Mode: pool.AllDownAll}},
	{"all_down nodata", allDown, pool.AllDown{Mode: pool.AllDownNodata}},
	{"all_down servfail", allDown, pool.AllDown{Mode: pool.AllDownServfail}},
	{"all_down refused", allDown, pool.AllDown{Mode: pool.AllDownRefused}},
	{"all_down addresses 192.0.2.99 2001:db8::99", allDown,
		pool.AllDown{Mode: pool.AllDownAddresses, Addresses: addrs("192.0.2.99", "2001:db8::99")}},

	{"", minUp, pool.MinUp{N: 1}},
	{"min_up 3", minUp, pool.MinUp{N: 3}},
	{"min_up 1%", minUp, pool.MinUp{N: 1, Percent: true}},
	{"min_up 100%", minUp, pool.MinUp{N: 100, Percent: true}},

	{"", ecs, []netip.Prefix(nil)},
	{"ecs 192.0.2.0/24 2001:db8::/32", ecs, prefixes("192.0.2.0/24", "2001:db8::/32")},
	{"ecs 0.0.0.0/0\necs 192.0.2.1", ecs, prefixes("0.0.0.0/0", "192.0.2.1/32")},
	{"ecs ::1 ::1", ecs, prefixes("::1/128", "::1/128")},
}

func TestSettings(t *testing.T) { testRight(t, rightSettings, onlyPool) }

// of returns lines of a healthlb block that has one pool.
func of(block, pool string) string {
	return "pool a.lb.example.org {\n member 192.0.2.1\n" + pool + "\n}\n" + block // the order is free
}

func lastPool(t *testing.T, lines string) *Pool {
	t.Helper()
	pools := mustParse(t, "healthlb {\n"+lines+"\n}").Pools
	return &pools[len(pools)-1]
}

// A default of the block counts wherever the pool says nothing of the kind.
func TestPrecedence(t *testing.T) {
	testRight(t, []right[*Pool]{
		{of("interval 2s\ntimeout 1s\nconfirm 1s", ""), interval, "2s"},
		{of("interval 2s", "interval 3s"), interval, "3s"},
		{of("interval 2s", "timeout 2s"), timeout, "2s"},
		{of("confirm 2s", ""), confirm, "2s"},
		{of("failures 5 6\nrise 7", ""), threshold, [3]int{5, 6, 7}},
		{of("failures 5 6\nrise 7", "failures 2"), threshold, [3]int{2, 60, 7}},
		{of("policy hash", ""), answers, 1},
		{of("policy hash\nanswers 4", ""), answers, 4},
		{of("policy hash", "policy random"), answers, 8},
		{of("ttl 1m low 20s", ""), ttls, [2]uint32{60, 20}},
		{of("ttl 1m low 20s", "ttl 10s"), ttls, [2]uint32{10, 5}},
		{of("all_down nodata", ""), allDown, pool.AllDown{Mode: pool.AllDownNodata}},
		{of("min_up 2", ""), minUp, pool.MinUp{N: 2}},
		{of("ecs ::/0\necs 10.0.0.0/8", ""), ecs, prefixes("::/0", "10.0.0.0/8")},
		{of("ecs ::/0", "ecs 10.0.0.0/8"), ecs, prefixes("10.0.0.0/8")},
	}, lastPool)
}

func TestFailoverBudget(t *testing.T) {
	for lines, want := range map[string]time.Duration{
		// 1.25 x interval + MIN x timeout + (MIN-1) x confirm + ttl
		"": 6250*time.Millisecond + 3*1250*time.Millisecond + 2*time.Second + 30*time.Second,
		"interval 1s\ntimeout 1s\nfailures 1\nttl 5s": 1250*time.Millisecond + time.Second + 5*time.Second,
		"interval 1h\ntimeout 1h\nconfirm 1h\nfailures 999999": 75*time.Minute + 999_999*time.Hour + 999_998*time.Hour +
			30*time.Second,
	} {
		if got := onlyPool(t, lines).FailoverBudget(); got != want {
			t.Errorf("%q: got %v, want %v", lines, got, want)
		}
	}
}

func TestWrongSettings(t *testing.T) { testWrong(t, wrongSettings, inPool) }

var wrongSettings = []wrong{
	{"intervall 5s", "4: intervall: is not known in a pool; did you mean interval? allowed: " + poolWords},
	{"interval 5", "4: interval 5: is a duration without a unit; write 5s for seconds (units: ms, s, m, h, d)"},
	{"interval", "4: interval: says too little; add a duration, for example 5s"},
	{"interval 5s 6s",
		"4: interval 5s 6s: is one word too many; leave it out, or put words that belong together in double quotes"},
	{"interval 99ms", "4: interval 99ms: is out of range; allowed: 100ms to 1h"},
	{"interval 2h", "4: interval 2h: is out of range; allowed: 100ms to 1h"},
	{"interval x", "4: interval x: is no duration; write a number and its unit, for example 500ms, 5s, 2m, 1h or 1d"},
	{"interval 1d", "4: interval 1d: is out of range; allowed: 100ms to 1h"},
	{"interval -5s", "4: interval -5s: is out of range; allowed: 100ms to 1h"},
	{"interval 99999999d",
		"4: interval 99999999d: is no duration; write a number and its unit, for example 500ms, 5s, 2m, 1h or 1d"},
	{"interval 1dx", "4: interval 1dx: is no duration; write a number and its unit, for example 500ms, 5s, 2m, 1h or 1d"},
	{"interval 5s\ninterval 5s", "5: interval: was said before, at Testfile:4; say it once"},
	{"timeout 6s", "4: timeout 6s: is above the default interval of 5s; write at most 5s"},
	{"interval 1s\ntimeout 2s", "5: timeout 2s: is above the interval of 1s at Testfile:4; write at most 1s"},
	{"timeout 0s", "4: timeout 0s: is out of range; allowed: 1ms to 1h"},
	{"confirm 6s", "4: confirm 6s: is above the default interval of 5s; write at most 5s"},
	{"confirm 9ms", "4: confirm 9ms: is out of range; allowed: 10ms to 1h"},
	{"failures", "4: failures: says too little; add MIN"},
	{"failures 0", "4: failures 0: is no number in range; allowed: 1 to 999999"},
	{"failures 3 3", "4: failures 3 3: is no number in range; allowed: 4 to 1000000"},
	{"failures 3 2", "4: failures 3 2: is no number in range; allowed: 4 to 1000000"},
	{"failures 1000000", "4: failures 1000000: is no number in range; allowed: 1 to 999999"},
	{"failures 3 1000001", "4: failures 3 1000001: is no number in range; allowed: 4 to 1000000"},
	{"failures x", "4: failures x: is no number in range; allowed: 1 to 999999"},
	{"failures 3 60 70",
		"4: failures 3 60 70: is one word too many; leave it out, or put words that belong together in double " +
			"quotes"},
	{"failures 3s", "4: failures 3s: is no number in range; allowed: 1 to 999999"},
	{"rise 0", "4: rise 0: is no number in range; allowed: 1 to 1000"},
	{"rise 1001", "4: rise 1001: is no number in range; allowed: 1 to 1000"},
	{"rise +2", "4: rise +2: is no number in range; allowed: 1 to 1000"},
	{"rise 99999999999999999999", "4: rise 99999999999999999999: is no number in range; allowed: 1 to 1000"},
	{"answers 0", "4: answers 0: is no number of answers; write a number from 1 to 65535, or all"},
	{"answers 65536", "4: answers 65536: is no number of answers; write a number from 1 to 65535, or all"},
	{"answers many", "4: answers many: is no number of answers; write a number from 1 to 65535, or all"},
	{"ttl 0s", "4: ttl 0s: is out of range; allowed: 1s to 1d"},
	{"ttl 1500ms", "4: ttl 1500ms: is no whole number of seconds; write 2s"},
	{"ttl 2d", "4: ttl 2d: is out of range; allowed: 1s to 1d"},
	{"ttl 30", "4: ttl 30: is a duration without a unit; write 30s for seconds (units: ms, s, m, h, d)"},
	{"ttl 30s low 31s", "4: ttl 30s low 31s: is above the ttl; write at most 30s"},
	{"ttl 30s low", "4: ttl 30s low: says too little; add a duration, for example 5s"},
	{"ttl 30s lo 5s", "4: ttl 30s lo: is not known in a ttl line; did you mean low? allowed: low"},
	{"ttl 30s low 5s low 4s", "4: ttl 30s low 5s low: was said before, at Testfile:4; say it once"},
	{"ttl 30s 5s", "4: ttl 30s 5s: is not known in a ttl line; allowed: low"},
	{"all_down", "4: all_down: says too little; add what to answer"},
	{"all_down none",
		"4: all_down none: is not known as an answer when all are down; allowed: addresses, all, nodata, refused, " +
			"servfail"},
	{"all_down nodata x",
		"4: all_down nodata x: is one word too many; leave it out, or put words that belong together in double " +
			"quotes"},
	{"all_down addresses", "4: all_down addresses: says too little; add ADDR"},
	{"all_down addresses 192.0.2.1 192.0.2.1",
		"4: all_down addresses 192.0.2.1 192.0.2.1: is there twice; name each address once"},
	{"all_down addresses ::",
		"4: all_down addresses ::: is the unspecified address, which no server can have; write the server's own " +
			"address"},
	{"min_up 0", "4: min_up 0: is no count of members; write a number from 1 on, or a percentage from 1% to 100%"},
	{"min_up 101%", "4: min_up 101%: is no count of members; write a number from 1 on, or a percentage from 1% to 100%"},
	{"min_up 0%", "4: min_up 0%: is no count of members; write a number from 1 on, or a percentage from 1% to 100%"},
	{"min_up half", "4: min_up half: is no count of members; write a number from 1 on, or a percentage from 1% to 100%"},
	{"min_up -1", "4: min_up -1: is no count of members; write a number from 1 on, or a percentage from 1% to 100%"},
	{"min_up %", "4: min_up %: is no count of members; write a number from 1 on, or a percentage from 1% to 100%"},
	{"ecs", "4: ecs: says too little; add CIDR"},
	{"ecs x", "4: ecs x: is no network; write a CIDR like 192.0.2.0/24 or 2001:db8::/32, or one address"},
	{"ecs 192.0.2.1/24", "4: ecs 192.0.2.1/24: has bits set behind the prefix; write 192.0.2.0/24"},
	{"ecs ::ffff:192.0.2.0/120", "4: ecs ::ffff:192.0.2.0/120: is an IPv4-mapped IPv6 network; write it as the IPv4 network"},
	{"ecs fe80::1%eth0", "4: ecs fe80::1%eth0: is no network; write a CIDR like 192.0.2.0/24 or 2001:db8::/32, or one address"},
	{"ecs 10.0.0.0/33", "4: ecs 10.0.0.0/33: is no network; write a CIDR like 192.0.2.0/24 or 2001:db8::/32, or one address"},
	{"ecs ::ffff:1.2.3.4", "4: ecs ::ffff:1.2.3.4: is an IPv4-mapped IPv6 network; write it as the IPv4 network"},
	{"region eu", "4: region: is not known in a pool; allowed: " + poolWords},
	{"dynamic dynamic", "4: dynamic dynamic: is one word too many; leave it out, or put words that belong together in double quotes"},
	{"etcd", "4: etcd: is not known in a pool; allowed: " + poolWords},
	{"weight 3", "4: weight: is not known in a pool; allowed: " + poolWords},
	{"interval 5s {\n }", `4: interval 5s {: has no block; leave out the braces (in send and expect write \x7b and \x7d)`},
	{"import x",
		"4: import: was not expanded: caddy overlooks an import that is the first line of a snippet; put another " +
			"line before it"},
	{"pool x", "4: pool: is not known in a pool; allowed: " + poolWords},
}
