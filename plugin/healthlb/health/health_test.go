package health

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// word spells results as letters: p a pass, f a failure, l lame, i inconclusive.
var word = map[rune]Outcome{'p': Pass, 'f': Fail, 'l': LameDuck, 'i': Inconclusive}

func after(results string, t Thresholds) Record {
	r := New()
	for _, letter := range results {
		r = r.Next(word[letter], t)
	}
	return r
}

func TestStates(t *testing.T) {
	local := Thresholds{Min: 3, Fall: 3, Rise: 2}
	remote := Thresholds{Min: 3, Fall: 6, Rise: 2}
	for _, tc := range []struct {
		rule    string
		results string
		by      Thresholds
		want    State
	}{
		{"without a result nothing is known", "", local, Unknown},
		{"an inconclusive result tells nothing", "iii", local, Unknown},
		{"the first result decides alone: a pass", "p", local, Up},
		{"the first result decides alone: a failure", "f", local, Down},
		{"the first result decides alone, in another region too", "f", remote, Down},
		{"the first result decides alone: lame", "l", local, Lame},
		{"one failure makes suspect", "pf", local, Suspect},
		{"MIN-1 failures are not enough", "pff", local, Suspect},
		{"the MIN-th failure takes down", "pfff", local, Down},
		{"a pass in between starts the count anew", "pffpff", local, Suspect},
		{"an inconclusive result in between does not", "pffif", local, Down},
		{"inconclusive results alone never take down", "piiiiiiii", local, Up},
		{"a pass clears suspicion", "pffp", local, Up},
		{"another region: MAX failures are not enough", "pfffff", remote, Suspect},
		{"another region: MAX+1 failures take down", "pffffff", remote, Down},
		{"one pass does not bring back", "pfffp", local, Down},
		{"RISE passes do", "pfffpp", local, Up},
		{"a failure on the way up starts the count anew", "pfffpfp", local, Down},
		{"an inconclusive result on the way up does not", "pfffpip", local, Up},
		{"a new member that failed first needs RISE passes as well", "fp", local, Down},
		{"lame takes effect at once, from up", "pl", local, Lame},
		{"lame takes effect at once, from down", "fl", local, Lame},
		{"lame and then a pass is up", "lp", local, Up},
		{"lame and then a failure is suspect", "lf", local, Suspect},
		{"lame and then MIN failures are down", "lfff", local, Down},
		{"MIN 1: one failure takes down", "pf", Thresholds{Min: 1, Fall: 1, Rise: 1}, Down},
		{"RISE 1: one pass brings back", "pfp", Thresholds{Min: 1, Fall: 1, Rise: 1}, Up},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			if got := after(tc.results, tc.by).State; got != tc.want {
				t.Errorf("after %q: %s, want %s", tc.results, got, tc.want)
			}
		})
	}
}

func TestConfirming(t *testing.T) {
	local, remote := Thresholds{Min: 3, Fall: 3, Rise: 3}, Thresholds{Min: 3, Fall: 9, Rise: 3}
	for _, tc := range []struct {
		rule    string
		results string
		by      Thresholds
		want    bool
	}{
		{"nothing to confirm while up", "p", local, false},
		{"the first failure is confirmed", "pf", local, true},
		{"up to the MIN-th", "pff", local, true},
		{"which is not confirmed any more", "pfff", local, false},
		{"nor is it in another region, though the member is not down yet", "pfff", remote, false},
		{"a down member is probed at the interval", "pffff", local, false},
		{"one that is coming back is confirmed", "pfffp", local, true},
		{"until it is back", "pfffppp", local, false},
		{"lame needs no confirmation", "l", local, false},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			if got := after(tc.results, tc.by).Confirming(tc.by); got != tc.want {
				t.Errorf("after %q: %v, want %v", tc.results, got, tc.want)
			}
		})
	}
}

// TestThresholdsHold checks, for any results, that nobody is taken down by fewer failures in a row than it takes, nor stays in with
// more, nor comes back with fewer passes in a row.
func TestThresholdsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		th := Thresholds{Min: rapid.IntRange(1, 5).Draw(t, "min"), Rise: rapid.IntRange(1, 4).Draw(t, "rise")}
		th.Fall = th.Min + rapid.IntRange(0, 4).Draw(t, "more")
		outcomes := rapid.SliceOfN(rapid.SampledFrom([]Outcome{Pass, Fail, Inconclusive}), 1, 60).Draw(t, "outcomes")

		r := New()
		for i, o := range outcomes {
			before := r
			r = r.Next(o, th)
			told := slices.DeleteFunc(slices.Clone(outcomes[:i+1]), func(o Outcome) bool { return o == Inconclusive })
			fails, passes := run(told, Fail), run(told, Pass)
			switch {
			case len(told) <= 1:
			case before.State.Serving() && r.State == Down && fails < th.Fall:
				t.Fatalf("down after %d failures, fall is %d", fails, th.Fall)
			case r.State.Serving() && fails >= th.Fall:
				t.Fatalf("still %s after %d failures, fall is %d", r.State, fails, th.Fall)
			case before.State == Down && r.State == Up && passes < th.Rise:
				t.Fatalf("up after %d passes, rise is %d", passes, th.Rise)
			case r.State == Down && passes >= th.Rise:
				t.Fatalf("still down after %d passes, rise is %d", passes, th.Rise)
			}
		}
	})
}

// run returns how many results at the end are o.
func run(results []Outcome, o Outcome) (n int) {
	for i := len(results) - 1; i >= 0 && results[i] == o; i-- {
		n++
	}
	return n
}
