package config

import (
	"strings"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/pool"
)

func prefer(p *Pool) any { return p.Prefer }
func fadeIn(p *Pool) any { return p.FadeIn }

var rightPreferences = []right[*Pool]{
	{"", prefer, pool.Prefer{}},
	{"prefer off", prefer, pool.Prefer{}},

	{"", fadeIn, pool.FadeIn{}},
	{"fade_in off", fadeIn, pool.FadeIn{}},
	{"fade_in 1s", fadeIn, pool.FadeIn{Over: time.Second, Exponent: 1}},
	{"fade_in 1d", fadeIn, pool.FadeIn{Over: 24 * time.Hour, Exponent: 1}},
	{"fade_in 1m30s exponent 0.1", fadeIn, pool.FadeIn{Over: 90 * time.Second, Exponent: 0.1}},
	{"fade_in 5m exponent 10", fadeIn, pool.FadeIn{Over: 5 * time.Minute, Exponent: 10}},
	{"fade_in 5m exponent 2.5", fadeIn, pool.FadeIn{Over: 5 * time.Minute, Exponent: 2.5}},
}

func TestPreferences(t *testing.T) { testRight(t, rightPreferences, onlyPool) }

func TestPreferPrecedence(t *testing.T) {
	region := func(minimum int) pool.Prefer { return pool.Prefer{Region: true, Min: minimum} }
	testRight(t, []right[*Pool]{
		{of("place eu ::/0", "prefer region"), prefer, region(1)},
		{of("place eu ::/0", "prefer region min 1"), prefer, region(1)},
		{of("place eu ::/0", "prefer region min 1000000"), prefer, region(1_000_000)},
		{of("place geoip country", "prefer region"), prefer, region(1)},
		{of("place eu ::/0\nprefer region min 2", ""), prefer, region(2)},
		{of("place eu ::/0\nprefer region min 2", "prefer region"), prefer, region(1)},
		{of("place eu ::/0\nprefer region", "prefer off"), prefer, pool.Prefer{}},
		{of("place eu ::/0\nprefer off", "prefer region"), prefer, region(1)},
		{of("prefer region", "prefer off"), prefer, pool.Prefer{}}, // in force for no pool
		{of("place eu ::/0", ""), prefer, pool.Prefer{}},

		{of("fade_in 1m exponent 2", ""), fadeIn, pool.FadeIn{Over: time.Minute, Exponent: 2}},
		{of("fade_in 1m exponent 2", "fade_in 2m"), fadeIn, pool.FadeIn{Over: 2 * time.Minute, Exponent: 1}},
		{of("fade_in 1m exponent 2", "fade_in off"), fadeIn, pool.FadeIn{}},
		{of("fade_in off", "fade_in 1m"), fadeIn, pool.FadeIn{Over: time.Minute, Exponent: 1}},
	}, lastPool)
}

const (
	noExponent = "is no decimal number in range; allowed: 0.1 to 10, for example 1.25"
	noPlaces   = "prefer region: is said, but not where clients are; add to the healthlb block: place REGION CIDR..., or " +
		"places FILE, or place geoip continent, or place geoip country"
)

func TestWrongPreferences(t *testing.T) { testWrong(t, wrongPreferences, inPool) }

var wrongPreferences = []wrong{
	{"prefer region", "4: " + noPlaces},
	{"ttl 1s\nprefer region min 2", "5: " + noPlaces},
	{"prefer", "4: prefer: says too little; add region or off"},
	{"prefer on", "4: prefer on: is not known as what to prefer; allowed: off, region"},
	{"prefer regoin", "4: prefer regoin: is not known as what to prefer; did you mean region? allowed: off, region"},
	{"prefer off min 2",
		"4: prefer off min: is one word too many; leave it out, or put words that belong together in double quotes"},
	{"prefer region 2", "4: prefer region 2: is not known in a prefer line; allowed: min"},
	{"prefer region min", "4: prefer region min: says too little; add N"},
	{"prefer region min 0", "4: prefer region min 0: is no number in range; allowed: 1 to 1000000"},
	{"prefer region min 1000001", "4: prefer region min 1000001: is no number in range; allowed: 1 to 1000000"},
	{"prefer region min 50%", "4: prefer region min 50%: is no number in range; allowed: 1 to 1000000"},
	{"prefer region min 1 min 1", "4: prefer region min 1 min: was said before, at Testfile:4; say it once"},
	{"prefer off\nprefer off", "5: prefer: was said before, at Testfile:4; say it once"},

	{"fade_in", "4: fade_in: says too little; add a duration, for example 5s, or off"},
	{"fade_in 0s", "4: fade_in 0s: is out of range; allowed: 1s to 1d"},
	{"fade_in 999ms", "4: fade_in 999ms: is out of range; allowed: 1s to 1d"},
	{"fade_in 25h", "4: fade_in 25h: is out of range; allowed: 1s to 1d"},
	{"fade_in 60", "4: fade_in 60: is a duration without a unit; write 60s for seconds (units: ms, s, m, h, d)"},
	{"fade_in on", "4: fade_in on: " + noDuration},
	{"fade_in off exponent 2",
		"4: fade_in off exponent: is one word too many; leave it out, or put words that belong together in double quotes"},
	{"fade_in 1m 2", "4: fade_in 1m 2: is not known in a fade_in line; allowed: exponent"},
	{"fade_in 1m exponent", "4: fade_in 1m exponent: says too little; add E"},
	{"fade_in 1m exponent 0", "4: fade_in 1m exponent 0: " + noExponent},
	{"fade_in 1m exponent 0.09", "4: fade_in 1m exponent 0.09: " + noExponent},
	{"fade_in 1m exponent 10.1", "4: fade_in 1m exponent 10.1: " + noExponent},
	{"fade_in 1m exponent -1", "4: fade_in 1m exponent -1: " + noExponent},
	{"fade_in 1m exponent 1e0", "4: fade_in 1m exponent 1e0: " + noExponent},
	{"fade_in 1m exponent nan", "4: fade_in 1m exponent nan: " + noExponent},
	{"fade_in 1m exponent 1 exponent 1", "4: fade_in 1m exponent 1 exponent: was said before, at Testfile:4; say it once"},
	{"fade_in 1m\nfade_in off", "5: fade_in: was said before, at Testfile:4; say it once"},
}

// A preference of the block that cannot be is told of where it stands, however many pools have it.
func TestPreferOfBlockWithoutPlaces(t *testing.T) {
	testWrong(t, []wrong{
		{"prefer region", "4: " + noPlaces},
		{"prefer region\npool a.lb.example.org {\nmember 192.0.2.1\nprefer off\n}", "4: " + noPlaces},
		{"prefer off\npool a.lb.example.org {\nmember 192.0.2.1\nprefer region min 2\n}", "7: " + noPlaces},
	}, inBlock)
}

// Members that are all standbys are a pool.
func TestOnlyStandbys(t *testing.T) {
	for lines, want := range map[string]int{"weight 0": 0, "": 1} {
		b := mustParse(t, strings.ReplaceAll(inPool(""), "192.0.2.10", "192.0.2.10 "+lines))
		if got := b.Pools[0].Members[0].Weight; got != want {
			t.Errorf("%q: got %d, want %d", lines, got, want)
		}
	}
}
