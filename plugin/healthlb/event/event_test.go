package event

import (
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.org/healthlb/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is the time that the histories of the tests begin at.
var start = time.UnixMicro(1_700_000_000_000_000)

// first is the number of their first event.
const first = 1_700_000_000_000_000

// told returns a history of so many events.
func told(size, events int) *Log {
	l := NewLog(size, start)
	for i := range events {
		l.Tell(api.Event{Type: "transition", Text: strconv.Itoa(i)})
	}
	return l
}

// numbers returns the numbers of events from the first on: 0 is that of the first one; gaps are in front.
func numbers(events []api.Event) (gap bool, offsets []int) {
	for i, e := range events {
		if i == 0 && e.Type == "gap" {
			gap = true
		}
		offsets = append(offsets, int(int64(e.ID)-first))
	}
	return gap, offsets
}

func TestHistory(t *testing.T) {
	for _, tc := range []struct {
		name   string
		events int
		after  uint64
		gap    bool // and so it is not complete
		want   []int
	}{
		{"nothing yet: all", 0, 0, false, nil},
		{"nothing yet: after a number to come", 0, first + 5, false, nil},
		{"nothing yet: after the one before the first", 0, first - 1, false, nil},
		{"nothing yet: after one of an earlier process", 0, first - 2, true, []int{-1}},
		{"all", 3, 0, false, []int{0, 1, 2}},
		{"after the first", 3, first, false, []int{1, 2}},
		{"after the newest", 3, first + 2, false, nil},
		{"after the next", 3, first + 3, false, nil},
		{"after the largest number", 3, math.MaxUint64, false, nil},
		{"after the one before the first", 3, first - 1, false, []int{0, 1, 2}},
		{"after one of an earlier process", 3, 1, true, []int{-1, 0, 1, 2}},
		{"all, as far as it is kept", 6, 0, false, []int{2, 3, 4, 5}},
		{"after the last that is lost", 6, first + 1, false, []int{2, 3, 4, 5}},
		{"after one before that", 6, first, true, []int{1, 2, 3, 4, 5}},
		{"after one of an earlier process, some lost", 6, 1, true, []int{1, 2, 3, 4, 5}},
		{"after a kept one", 6, first + 3, false, []int{4, 5}},
		{"several rounds", 4001, first + 1, true, []int{3996, 3997, 3998, 3999, 4000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			events, complete := told(4, tc.events).History(tc.after)
			gap, got := numbers(events)
			if complete == tc.gap || gap != tc.gap || !slices.Equal(got, tc.want) {
				t.Errorf("got %v, complete %v, gap %v, want %v, gap %v", got, complete, gap, tc.want, tc.gap)
			}
			if events == nil {
				t.Error("nil, which is null in JSON and no array")
			}
		})
	}
}

func TestWhatIsTold(t *testing.T) {
	l := NewLog(2, start)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	given := api.Event{ID: 7, Time: at, Type: "block", Pool: "p.", Text: "text"}
	before := time.Now()
	l.Tell(given)
	l.Tell(api.Event{Type: "reload"})
	events, _ := l.History(0)
	if len(events) != 2 {
		t.Fatalf("got %v", events)
	}
	want := given
	want.ID, want.Time = first, at.UTC()
	if events[0] != want {
		t.Errorf("got %+v, want %+v", events[0], want)
	}
	if e := events[1]; e.ID != first+1 || e.Time.Before(before) || e.Time.After(time.Now()) || e.Time.Location() != time.UTC {
		t.Errorf("got %+v", e)
	}
	events[0].Text = "changed"
	if again, _ := l.History(0); again[0] != want {
		t.Errorf("a reader changed the history: %+v", again[0])
	}
}

func TestGap(t *testing.T) {
	l := NewLog(2, start)
	if events, _ := l.History(1); len(events) != 1 || !events[0].Time.Equal(start) || events[0].Text == "" {
		t.Errorf("with nothing behind it: %+v", events)
	}
	at := time.Unix(1, 0).UTC()
	l.Tell(api.Event{Time: at})
	events, _ := l.History(1)
	if len(events) != 2 || events[0].Time != at {
		t.Errorf("a gap is not later than what follows: %+v", events)
	}
	if after, complete := l.History(events[0].ID); !complete || len(after) != 1 {
		t.Errorf("behind the gap: %+v, complete %v", after, complete)
	}
}

func TestNumbers(t *testing.T) {
	for name, tc := range map[string]struct {
		now  time.Time
		want uint64
	}{
		"now":                    {start, first},
		"1970":                   {time.Unix(0, 0), 2},
		"before 1970":            {time.Time{}, 2},
		"one day before 2^53 is": {time.Date(2255, 6, 5, 0, 0, 0, 0, time.UTC), 9_007_113_600_000_000},
	} {
		l := NewLog(1, tc.now)
		if l.Newest() != tc.want-1 {
			t.Errorf("%s: the newest of none is %d, want %d", name, l.Newest(), tc.want-1)
		}
		l.Tell(api.Event{})
		events, _ := l.History(0)
		if id := events[0].ID; id != tc.want || id != l.Newest() || id >= 1<<53 {
			t.Errorf("%s: got %d, want %d", name, id, tc.want)
		}
	}
}

func TestSizeIsAtLeastOne(t *testing.T) {
	for _, size := range []int{-1, 0, 1} {
		if events, _ := told(size, 3).History(0); len(events) != 1 || events[0].Text != "2" {
			t.Errorf("%d: got %v", size, events)
		}
	}
}
