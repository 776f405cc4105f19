package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/bench/peer"
)

// TestSightAfter goes through what answers may say around the moment at which something is done to a member.
func TestSightAfter(t *testing.T) {
	begin := time.Now()
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	for _, c := range []struct {
		name   string
		seen   []change
		named  bool
		want   delay
		unfit  bool
		moment int
	}{
		{name: "it goes", seen: []change{{at(1), true}, {at(7), false}}, moment: 5, want: delay(2 * time.Second)},
		{name: "it goes, comes back and goes", seen: []change{{at(1), true}, {at(7), false}, {at(8), true}, {at(9), false}}, moment: 5,
			want: delay(4 * time.Second)},
		{name: "it goes and comes back", seen: []change{{at(1), true}, {at(7), false}, {at(8), true}}, moment: 5, want: never},
		{name: "it stays", seen: []change{{at(1), true}}, moment: 5, want: never},
		{name: "it had gone before", seen: []change{{at(1), true}, {at(4), false}}, moment: 5, unfit: true},
		{name: "no answer before", seen: []change{{at(7), false}}, moment: 5, unfit: true},
		{name: "no answer at all", moment: 5, unfit: true},
		{name: "it comes back", seen: []change{{at(1), false}, {at(7), true}}, moment: 5, named: true, want: delay(2 * time.Second)},
		{name: "it comes back and goes", seen: []change{{at(1), false}, {at(7), true}, {at(8), false}}, moment: 5, named: true,
			want: delay(2 * time.Second)},
		{name: "it was still there", seen: []change{{at(1), true}, {at(7), false}, {at(8), true}}, moment: 5, named: true, unfit: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, unfit := sight{changes: c.seen}.after(at(c.moment), c.named)
			if got != c.want || unfit != c.unfit {
				t.Errorf("%v, unfit %v; want %v, %v", got, unfit, c.want, c.unfit)
			}
		})
	}
}

// TestSightOvertaken leaves out answers that come behind those to later queries, also where rounds begin anew.
func TestSightOvertaken(t *testing.T) {
	for _, later := range []uint16{1, 0, rounds - 1} {
		var s sight
		s.note(time.Now(), later, false)
		s.note(time.Now(), (later-1)%rounds, true)
		if s.answers != 1 || len(s.changes) != 1 {
			t.Errorf("an answer from before round %d counts", later)
		}
		if s.note(time.Now(), (later+1)%rounds, true); s.answers != 2 || s.naming != 1 || len(s.changes) != 2 {
			t.Errorf("the answer after round %d does not count", later)
		}
	}
}

func TestDelays(t *testing.T) {
	some := []delay{delay(3 * time.Second), delay(time.Second), delay(2 * time.Second), never}
	if halfway(some) != delay(2500*time.Millisecond) || longest(some) != never || halfway(some[:3]) != delay(2*time.Second) {
		t.Errorf("halfway %v, %v, longest %v", halfway(some), halfway(some[:3]), longest(some))
	}
	text, err := json.Marshal(some)
	if err != nil || string(text) != "[3.0000,1.0000,2.0000,null]" {
		t.Errorf("%s, %v", text, err)
	}
	r := &failoverResult{Delays: some, Watched: delay(9 * time.Second)}
	if r.say(halfway) != "2.50 s" || r.say(longest) != "> 9.00 s" {
		t.Errorf("it says %s and %s", r.say(halfway), r.say(longest))
	}
	r.Unfit = 1
	if r.say(halfway) != "2.50 s (4)" || !r.enough() {
		t.Errorf("with one that does not count it says %s, enough: %v", r.say(halfway), r.enough())
	}
	r.Delays = nil
	if r.say(longest) != "-" || r.enough() {
		t.Errorf("without any it says %s, enough: %v", r.say(longest), r.enough())
	}
}

// TestFailoverTargetsNeedSamples has targets judged by results of which too few count.
func TestFailoverTargetsNeedSamples(t *testing.T) {
	fast := []delay{1, 2}
	for want, r := range map[string]failoverResult{
		"ok":           {Delays: fast, Unfit: 2},
		"MISSED":       {Delays: []delay{1, never}},
		"not measured": {Delays: fast, Unfit: 3},
	} {
		r.Server, r.Members = "healthlb tripwire", killed
		trial := &failoverTrial{options: &options{short: true}, results: []failoverResult{r}}
		if got := trial.asked(nil); len(got) != 1 || got[0].Outcome != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
}

// TestServerDiesOrFallsSilent has both told, with what the server wrote.
func TestServerDiesOrFallsSilent(t *testing.T) {
	p, err := peer.Start(t.TempDir(), peer.AnyCore, "sh", "-c", "seq 1 30; echo the end")
	if err != nil {
		t.Fatal(err)
	}
	<-p.Ended()
	w := &watcher{Watcher: peer.Watcher{Server: peer.Server{Name: "short-lived"}}, process: p}
	if err := w.runs(); err == nil || !strings.HasSuffix(err.Error(), "30\nthe end") || strings.Contains(err.Error(), "\n2\n") {
		t.Errorf("it is told so: %v", err)
	}
	now := time.Now()
	o := &observer{seen: []sight{{last: now}, {last: now.Add(-time.Minute)}}}
	if got := o.silent(10 * time.Second); got != 1 {
		t.Errorf("%d is silent, want 1", got)
	}
	if got := o.silent(time.Hour); got != -1 {
		t.Errorf("%d is silent, want none", got)
	}
}

// TestAtRandom does each thing once, within the interval.
func TestAtRandom(t *testing.T) {
	var done []int
	begin := time.Now()
	before, after, err := atRandom(10, 100*time.Millisecond, "a name", func(i int) error {
		done = append(done, i)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range done {
		if before[n].Before(begin) || after[n].Before(before[n]) || i > 0 && before[n].Before(after[done[i-1]]) {
			t.Errorf("%d is told to be done at the wrong time", n)
		}
	}
	if slices.Sort(done); !slices.Equal(done, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("done %v", done)
	}
}
