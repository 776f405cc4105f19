package health

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var day = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

const (
	second = time.Second
	minute = time.Minute
)

// TestFlap goes through falls at given times, and looks at how long the last one holds the member down.
func TestFlap(t *testing.T) {
	for _, tc := range []struct {
		rule  string
		d     time.Duration
		falls []time.Duration
		want  time.Duration // after the last fall; 0: not at all
	}{
		{"no fall", minute, nil, 0},
		{"one", minute, []time.Duration{0}, 0},
		{"two", minute, []time.Duration{0, 10 * second}, 0},
		{"the third counts", minute, []time.Duration{0, 10 * second, 20 * second}, minute},
		{"at the end of 10 minutes, too", minute, []time.Duration{0, minute, 10 * minute}, minute},
		{"after them it does not", minute, []time.Duration{0, minute, 10*minute + 1}, 0},
		{"the fourth counts twice", minute, []time.Duration{0, 0, 0, 0}, 2 * minute},
		{"the fifth four times", minute, []time.Duration{0, 0, 0, 0, 0}, 4 * minute},
		{"the bound is 10 minutes", minute, []time.Duration{0, 0, 0, 0, 0, 0, 0, 0, 0}, 10 * minute},
		{"or the first hold-down, when that is longer", time.Hour, []time.Duration{0, 0, 0, 0, 0}, time.Hour},
		{"half of it is forgotten in 10 minutes", minute, []time.Duration{0, 0, 0, 0, 0, 10 * minute}, 8 * minute / 2},
		{"a fall that does not count changes nothing of it", minute, []time.Duration{0, 0, 0, 0, 0, 11 * minute, 12 * minute, 20 * minute}, 8 * minute / 4},
		{"all of it after long enough", minute, []time.Duration{0, 0, 0, 0, 0, time.Hour, time.Hour, time.Hour}, minute},
		{"thousands of falls take no longer to be forgotten", minute, append(make([]time.Duration, 5000), 40*minute, 40*minute, 40*minute), 20 * minute / 16},
		{"a clock that goes back does no harm", minute, []time.Duration{0, 0, -second, -2 * second}, 2 * minute},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			var f Flap
			var last time.Time
			for _, after := range tc.falls {
				last = day.Add(after)
				f = f.Fall(last, tc.d)
			}
			if until := f.Until(tc.d); tc.want == 0 && !until.IsZero() || tc.want != 0 && !until.Equal(last.Add(tc.want)) {
				t.Errorf("held down until %s, want %s after %s", until, tc.want, last)
			}
		})
	}
}

// TestFlapOff: who turns hold-downs off, or makes them shorter, has those end that there are.
func TestFlapOff(t *testing.T) {
	f := Flap{}.Fall(day, minute).Fall(day, minute).Fall(day, minute)
	for d, want := range map[time.Duration]time.Time{0: {}, 10 * second: day.Add(10 * second), minute: day.Add(minute), time.Hour: day.Add(time.Hour)} {
		if got := f.Until(d); !got.Equal(want) {
			t.Errorf("flap %s: held down until %s, want %s", d, got, want)
		}
	}
}

// TestFlapHolds checks, for any falls: none holds a member down that is not the third within 10 minutes; each that is does, for D at
// least; what holds it down ends D or 10 minutes after the last fall at the latest; and it never ends sooner because of one more fall.
func TestFlapHolds(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := time.Duration(rapid.IntRange(1, 3600).Draw(r, "D")) * second
		longest := rapid.SampledFrom([]time.Duration{10 * second, minute, 5 * minute, time.Hour}).Draw(r, "longest")
		var f Flap
		var falls []time.Time
		at := day
		for range rapid.IntRange(1, 40).Draw(r, "falls") {
			at = at.Add(time.Duration(rapid.Int64Range(0, int64(longest)).Draw(r, "wait")))
			before := f.Until(d)
			f = f.Fall(at, d)
			falls = append(falls, at)
			until, n := f.Until(d), len(falls)
			switch counts := n >= 3 && at.Sub(falls[n-3]) <= 10*minute; {
			case !counts && !until.Equal(before):
				r.Fatalf("fall %d is not the third within 10 minutes, and moves the end from %s to %s", n, before, until)
			case counts && until.Before(at.Add(d)):
				r.Fatalf("fall %d holds the member down for %s, want %s", n, until.Sub(at), d)
			case until.After(at.Add(max(d, 10*minute))):
				r.Fatalf("fall %d holds the member down for %s", n, until.Sub(at))
			case until.Before(before):
				r.Fatalf("fall %d has the hold-down end at %s, before it was %s", n, until, before)
			}
		}
	})
}

// flapper simulates a member and its probes.
type flapper struct {
	passing, failing time.Duration // it passes for so long, then it fails for so long
	stable           time.Duration // from then on it passes; 0: never
	phase            time.Duration
	interval         time.Duration
	confirm          time.Duration
	d                time.Duration
	by               Thresholds
}

func (m flapper) passes(after time.Duration) bool {
	return m.stable > 0 && after >= m.stable || (after+m.phase)%(m.passing+m.failing) < m.passing
}

// run returns for how long the member was served of a span, how often it fell, whether it was ever held down, and whether it is served at
// the end.
func (m flapper) run(span time.Duration, jitter func() float64) (served time.Duration, falls int, held, serving bool) {
	record, flap := New(), Flap{}
	for at := time.Duration(0); at < span; {
		o := Fail
		if m.passes(at) {
			o = Pass
		}
		before := record.State
		record = record.Next(o, m.by)
		if Fell(before, record.State) {
			falls++
			if m.d > 0 {
				flap = flap.Fall(day.Add(at), m.d)
			}
		}
		down := day.Add(at).Before(flap.Until(m.d))
		held = held || down
		serving = record.State.Serving() && !down
		wait := time.Duration(float64(m.interval) * (0.75 + 0.5*jitter()))
		if record.Confirming(m.by) {
			wait = m.confirm
		}
		if serving {
			served += min(wait, span-at)
		}
		at += wait
	}
	return served, falls, held, serving
}

// usual is a member as pools have them that say nothing else.
func usual(passing, failing time.Duration) flapper {
	return flapper{
		passing: passing, failing: failing, interval: 5 * second, confirm: second, d: minute, by: Thresholds{Min: 3, Fall: 3, Rise: 2},
	}
}

// TestFlapperIsOut: a member that passes 20 s and fails 20 s is served less than 5% of an hour, whatever the phase and the jitter; without
// hold-downs it would be for a third and more. Of other periods the same holds as long as three of them are below 5%: what comes before
// the third fall is served.
func TestFlapperIsOut(t *testing.T) {
	for _, tc := range []struct{ passing, failing time.Duration }{
		{20 * second, 20 * second}, {15 * second, 15 * second}, {30 * second, 30 * second}, {10 * second, 30 * second}, {40 * second, 20 * second},
		{45 * second, 45 * second}, {30 * second, 60 * second},
	} {
		most, least, off := time.Duration(0), time.Hour, time.Hour
		for seed := range uint64(400) {
			random := rand.New(rand.NewPCG(seed, 1))
			m := usual(tc.passing, tc.failing)
			m.phase = time.Duration(random.Int64N(int64(tc.passing + tc.failing)))
			served, _, _, _ := m.run(time.Hour, random.Float64)
			most, least = max(most, served), min(least, served)
			m.d = 0
			served, _, _, _ = m.run(time.Hour, random.Float64)
			off = min(off, served)
		}
		t.Logf("passing %s, failing %s: served %.1f%% to %.1f%% of an hour, without hold-downs %.1f%% at least",
			tc.passing, tc.failing, 100*least.Hours(), 100*most.Hours(), 100*off.Hours())
		if most >= time.Hour/20 {
			t.Errorf("passing %s, failing %s: served for %s of an hour, want below 5%%", tc.passing, tc.failing, most)
		}
		if off < time.Hour/20 {
			t.Errorf("passing %s, failing %s: served for %s without hold-downs: the simulation shows nothing", tc.passing, tc.failing, off)
		}
	}
}

// TestSeldomFallsAreNotHeld: a member that falls once in 6 minutes, or twice in 10, is never held down.
func TestSeldomFallsAreNotHeld(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 2))
		m := usual(5*minute+40*second, 20*second)
		m.phase = time.Duration(random.Int64N(int64(6 * minute)))
		if _, falls, held, _ := m.run(6*time.Hour, random.Float64); held || falls < 59 {
			t.Fatalf("a member that falls every 6 minutes fell %d times in 6 hours, held down: %v", falls, held)
		}
		m = usual(30*second, 20*second)
		m.stable = 90 * second
		if _, falls, held, _ := m.run(10*minute, random.Float64); held || falls != 2 {
			t.Fatalf("a member that falls twice fell %d times, held down: %v", falls, held)
		}
	}
}

// TestStableAgain: however a member has flapped, it is served again at the latest when D or 10 minutes have passed since it began to be
// stable, and then the next probe; but for the passes that every member needs to come up.
func TestStableAgain(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		seconds := func(least, most int, name string) time.Duration {
			return time.Duration(rapid.IntRange(least, most).Draw(r, name)) * second
		}
		m := usual(seconds(1, 100, "passing"), seconds(1, 100, "failing"))
		m.d = seconds(0, 1200, "D")
		m.stable = seconds(1, 3600, "stable")
		m.phase = seconds(0, 200, "phase")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 3))
		bound := max(m.d, 10*minute) + 3*m.interval*5/4
		if _, _, _, serving := m.run(m.stable+bound, random.Float64); !serving {
			r.Fatalf("%+v is not served %s after it became stable", m, bound)
		}
	})
}
