package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.org/healthlb/plugin/healthlb/policy"
	"example.org/healthlb/plugin/healthlb/pool"
)

// settings are what may be said in a pool, and in the healthlb block as the default for its pools.
type settings struct {
	interval said[time.Duration]
	timeout  said[time.Duration]
	confirm  said[time.Duration]
	failures said[failures]
	rise     said[int]
	policy   said[policy.Spec]
	answers  said[int] // 0: all
	ttl      said[ttl]
	allDown  said[pool.AllDown]
	minUp    said[pool.MinUp]
	prefer   said[pool.Prefer]
	fadeIn   said[pool.FadeIn]
	shard    said[int] // 0: off
	dynamic  said[bool]
	flap     said[time.Duration] // 0: off
	tripwire said[bool]
	source   said[[pool.Families]netip.Addr]
	budget   said[time.Duration] // 0: off
	checks   []check
	ecs      []netip.Prefix
}

// failures are the thresholds MIN and MAX; see DESIGN.md section 4.
type failures struct{ min, max int }

// ttl is in seconds.
type ttl struct{ normal, low uint32 }

// maxCount bounds thresholds: at the shortest interval, a day of failures is not yet a million.
const maxCount = 1_000_000

var settingDirectives = table[settings]{
	"interval": field(one(aDuration, durationIn(100*time.Millisecond, time.Hour)),
		func(s *settings) *said[time.Duration] { return &s.interval }),
	"timeout": field(one(aDuration, durationIn(time.Millisecond, time.Hour)),
		func(s *settings) *said[time.Duration] { return &s.timeout }),
	"confirm": field(one(aDuration, durationIn(minConfirm, time.Hour)),
		func(s *settings) *said[time.Duration] { return &s.confirm }),
	"failures": field(parseFailures, func(s *settings) *said[failures] { return &s.failures }),
	"rise":     field(one("N", numberIn(1, 1000)), func(s *settings) *said[int] { return &s.rise }),
	"policy":   field(parsePolicy, func(s *settings) *said[policy.Spec] { return &s.policy }),
	"answers":  field(one("N", parseAnswers), func(s *settings) *said[int] { return &s.answers }),
	"ttl":      field(parseTTL, func(s *settings) *said[ttl] { return &s.ttl }),
	"all_down": field(parseAllDown, func(s *settings) *said[pool.AllDown] { return &s.allDown }),
	"min_up":   field(one("N", parseMinUp), func(s *settings) *said[pool.MinUp] { return &s.minUp }),
	"prefer":   field(parsePrefer, func(s *settings) *said[pool.Prefer] { return &s.prefer }),
	"fade_in":  field(parseFadeIn, func(s *settings) *said[pool.FadeIn] { return &s.fadeIn }),
	"shard":    field(one("K", parseShard), func(s *settings) *said[int] { return &s.shard }),
	"dynamic":  field(func(*args) (bool, error) { return true, nil }, func(s *settings) *said[bool] { return &s.dynamic }),
	"flap":     field(one(aDuration+", or off", orOff(durationIn(time.Second, time.Hour))), func(s *settings) *said[time.Duration] { return &s.flap }),
	"tripwire": field(parseTripwire, func(s *settings) *said[bool] { return &s.tripwire }),
	"source":   field(parseSource, func(s *settings) *said[[pool.Families]netip.Addr] { return &s.source }),
	"budget":   field(one(aDuration+", or off", orOff(durationIn(time.Second, day))), func(s *settings) *said[time.Duration] { return &s.budget }),
	"check": {many: true, parse: func(a *args, s *settings) error {
		c, err := parseCheck(a)
		s.checks = append(s.checks, c)
		return err
	}},
	"ecs": {many: true, parse: func(a *args, s *settings) error {
		prefixes, err := takePrefixes(a)
		s.ecs = append(s.ecs, prefixes...)
		return err
	}},
}

// over returns the settings of a pool, those of its block filled in. Lines that add up do so on one level only.
func (s settings) over(block *settings) settings {
	s.interval = s.interval.over(block.interval)
	s.timeout = s.timeout.over(block.timeout)
	s.confirm = s.confirm.over(block.confirm)
	s.failures = s.failures.over(block.failures)
	s.rise = s.rise.over(block.rise)
	s.policy = s.policy.over(block.policy)
	s.answers = s.answers.over(block.answers)
	s.ttl = s.ttl.over(block.ttl)
	s.allDown = s.allDown.over(block.allDown)
	s.minUp = s.minUp.over(block.minUp)
	s.prefer = s.prefer.over(block.prefer)
	s.fadeIn = s.fadeIn.over(block.fadeIn)
	s.shard = s.shard.over(block.shard)
	s.dynamic = s.dynamic.over(block.dynamic)
	s.flap = s.flap.over(block.flap)
	s.tripwire = s.tripwire.over(block.tripwire)
	s.source = s.source.over(block.source)
	s.budget = s.budget.over(block.budget)
	if len(s.checks) == 0 {
		s.checks = block.checks
	}
	if len(s.ecs) == 0 {
		s.ecs = slices.Clip(block.ecs)
	}
	return s
}

// defaultFailures is MIN 3 as with HAProxy and Route 53. MAX is long enough for a link between regions to come back.
var defaultFailures = failures{min: 3, max: defaultMax(3)}

func defaultMax(minimum int) int { return min(max(60, 20*minimum), maxCount) }

func parseFailures(a *args) (failures, error) {
	var f failures
	var err error
	if f.min, err = take(a, "MIN", numberIn(1, maxCount-1)); err != nil {
		return f, err
	}
	f.max = defaultMax(f.min)
	if a.more() {
		f.max, err = take(a, "MAX", numberIn(f.min+1, maxCount))
	}
	return f, err
}

// manyAnswers is how many members an answer names by default: 8 AAAA records fit into the 512 bytes of DNS without EDNS. With the
// policies in oneAnswer it is 1, since resolvers shuffle what they pass on: only who is named counts, not in which order.
const manyAnswers = 8

var oneAnswer = map[string]bool{"hash": true, "weighted": true, "least": true}

func defaultAnswers(p policy.Spec) int {
	if oneAnswer[p.Name] {
		return 1
	}
	return manyAnswers
}

func parseAnswers(s string) (int, error) {
	if s == "all" {
		return 0, nil
	}
	n, err := numberIn(1, 65535)(s)
	if err != nil {
		err = fault{"is no number of answers", "write a number from 1 to 65535, or all"}
	}
	return n, err
}

var defaultTTL = ttl{normal: 30, low: 5}

func parseTTL(a *args) (ttl, error) {
	normal, err := take(a, aDuration, seconds(day))
	t := ttl{normal: normal, low: min(defaultTTL.low, normal)}
	if err != nil || !a.more() {
		return t, err
	}
	err = ttlDirectives.options(a, "in a ttl line", &t)
	return t, err
}

var ttlDirectives = table[ttl]{
	"low": {parse: func(a *args, t *ttl) (err error) {
		if t.low, err = take(a, aDuration, seconds(day)); err == nil && t.low > t.normal {
			err = a.fail(fault{"is above the ttl", "write at most " + showDuration(time.Duration(t.normal)*time.Second)})
		}
		return err
	}},
}

var allDownModes = map[string]pool.AllDownMode{
	"all":       pool.AllDownAll,
	"nodata":    pool.AllDownNodata,
	"servfail":  pool.AllDownServfail,
	"refused":   pool.AllDownRefused,
	"addresses": pool.AllDownAddresses,
}

func parseAllDown(a *args) (pool.AllDown, error) {
	mode, err := take(a, "what to answer", func(s string) (pool.AllDownMode, error) {
		m, ok := allDownModes[s]
		if !ok {
			return m, unknown(s, "as an answer when all are down", keys(allDownModes))
		}
		return m, nil
	})
	d := pool.AllDown{Mode: mode}
	if err == nil && mode == pool.AllDownAddresses {
		d.Addresses, err = takeServerAddrs(a)
	}
	return d, err
}

func parseMinUp(s string) (pool.MinUp, error) {
	number, percent := strings.CutSuffix(s, "%")
	most := maxCount
	if percent {
		most = 100
	}
	n, err := numberIn(1, most)(number)
	if err != nil {
		err = fault{"is no count of members", "write a number from 1 on, or a percentage from 1% to 100%"}
	}
	return pool.MinUp{N: n, Percent: percent}, err
}
