package main

import (
	"slices"
	"testing"

	"example.org/healthlb/bench/peer"
)

func TestMedianOf(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{4, 1}, 2.5},
		{[]float64{9, 1, 5}, 5},
		{[]float64{1, 100, 2, 3}, 2.5},
	} {
		before := slices.Clone(c.values)
		if got := medianOf(c.values); got != c.want {
			t.Errorf("the median of %v is said to be %v", c.values, got)
		}
		if !slices.Equal(c.values, before) {
			t.Errorf("%v became %v", before, c.values) // they are in the order of the rounds
		}
	}
}

func TestRatiosAreMadeWithinARound(t *testing.T) {
	// The machine is half as fast in the second round; the third was not measured of one of them.
	if got := ratios([]float64{6, 12, 7}, []float64{8, 16}); !slices.Equal(got, []float64{0.75, 0.75}) {
		t.Error(got)
	}
	if got := ratios([]float64{6, 0, 9}, []float64{0, 0, 3}); !slices.Equal(got, []float64{3}) {
		t.Error("divided by 0:", got)
	}
}

func TestFloorIsTheFasterEchoOfEachRound(t *testing.T) {
	echo := func(language string, cpus ...float64) *runner {
		r := &runner{Server: peer.Echo(language)}
		for _, cpu := range cpus {
			r.closed = append(r.closed, sample{CPU: cpu})
		}
		return r
	}
	runners := []*runner{echo("Go", 3, 2, 4), {Server: peer.Whoami()}, echo("C", 2.5, 3, 2)}
	if got := floor(runners); !slices.Equal(got, []float64{2.5, 2, 2}) {
		t.Error(got)
	}
	if got := floor(runners[:2]); !slices.Equal(got, []float64{3, 2, 4}) {
		t.Error("without a C compiler:", got)
	}
}

func TestSlowServersAreAskedAtTheirOwnRate(t *testing.T) {
	server := func(rate float64) *runner { return &runner{closed: []sample{{Rate: rate}}} }
	for _, c := range []struct{ reached, common, want float64 }{
		{100, 50, 50},
		{60, 50, 50},
		{55, 50, 27.5}, // which would be a queue for nearly all of the time
		{2, 50, 1},
		{100, 0, 50}, // whoami does not take part
	} {
		if got := server(c.reached).rate(c.common); got != c.want {
			t.Errorf("who answers %v, and the others are asked %v, is asked %v", c.reached, c.common, got)
		}
	}
}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		target target
		want   string
	}{
		{atMost("", 0.8, []float64{0.9, 0.8, 0.7}), "ok"},
		{atMost("", 0.8, []float64{0.81}), "MISSED"},
		{atLeast("", 0.8, []float64{0.8}), "ok"},
		{atLeast("", 0.8, []float64{0.79}), "MISSED"},
		{atLeast("", 0.8, nil), "not measured"},
	} {
		if got := c.target.outcome(); got != c.want {
			t.Errorf("%+v is %s", c.target, got)
		}
	}
}

func TestDataFilesAreOfWholeRuns(t *testing.T) {
	for _, c := range []struct {
		o     *options
		whole bool
	}{
		{&options{clientCore: 1}, true},
		{&options{clientCore: 1, short: true}, false},
		{&options{clientCore: 1, only: "nsd"}, false},
		{&options{}, false}, // one core
	} {
		if got := c.o.partial(); (got == "") != c.whole {
			t.Errorf("of %+v is said: %q", c.o, got)
		}
	}
}

func TestOnlyServersThatThereAre(t *testing.T) {
	for only, right := range map[string]bool{"": true, "nsd": true, "nsd,file": true, "nds": false, "gdnsd fastest": false, "nsd,": false} {
		o := options{only: only}
		if err := o.checkOnly([]string{"answers", "scale"}); (err == nil) != right {
			t.Errorf("-only %q: %v", only, err)
		}
	}
}

func TestThousands(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 999.6: "1,000", 12345: "12,345", 1234567: "1,234,567"} {
		if got := thousands(value); got != want {
			t.Errorf("%v is written %s", value, got)
		}
	}
}
