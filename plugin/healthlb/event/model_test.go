package event

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"example.org/healthlb/api"
)

// model is a history that forgets nothing, and knows what a real one would have lost.
type model struct {
	size int
	n    int // events told
}

// after returns what follows a number, as offsets from the first event, with the gap's in front.
func (m *model) after(id uint64) (offsets []int, gap bool) {
	if id >= uint64(first+m.n-1) {
		return nil, false
	}
	oldest := max(0, m.n-m.size)
	begin := oldest
	if id != 0 {
		behind := int(int64(id) - first + 1)
		gap = behind < oldest || behind < 0
		begin = max(behind, oldest)
	}
	if gap {
		offsets = append(offsets, oldest-1)
	}
	for i := begin; i < m.n; i++ {
		offsets = append(offsets, i)
	}
	return offsets, gap
}

// looker is a subscription, and what the model knows of it.
type looker struct {
	*Subscription
	after      uint64
	begun, cut bool
}

func TestAgainstAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := model{size: rapid.IntRange(1, 8).Draw(t, "size")}
		l := NewLog(m.size, start)
		var lookers []*looker
		number := rapid.Custom(func(t *rapid.T) uint64 {
			if rapid.Bool().Draw(t, "near") {
				return uint64(first + rapid.IntRange(-3, 40).Draw(t, "offset"))
			}
			return rapid.Uint64().Draw(t, "number")
		})
		check := func(t *rapid.T, what string, events []api.Event, want []int, wantGap bool) {
			if gap, got := numbers(events); gap != wantGap || !slices.Equal(got, want) {
				t.Fatalf("%s: got %v, gap %v, want %v, gap %v", what, got, gap, want, wantGap)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"tell": func(t *rapid.T) {
				for range rapid.IntRange(1, 4).Draw(t, "events") {
					l.Tell(api.Event{})
					m.n++
				}
			},
			"look back": func(t *rapid.T) {
				after := number.Draw(t, "after")
				events, complete := l.History(after)
				want, gap := m.after(after)
				check(t, "history", events, want, gap)
				if complete == gap {
					t.Fatalf("complete %v, gap %v", complete, gap)
				}
			},
			"come": func(t *rapid.T) {
				after := number.Draw(t, "after")
				newest := uint64(first + m.n - 1)
				lookers = append(lookers, &looker{Subscription: l.Subscribe(after), after: min(after, newest)})
			},
			"take": func(t *rapid.T) {
				if len(lookers) == 0 {
					t.Skip("nobody looks on")
				}
				s := rapid.SampledFrom(lookers).Draw(t, "who")
				want, gap := m.after(s.after)
				if s.cut = s.cut || gap && s.begun; s.cut {
					want, gap = nil, false
				}
				events, err := s.take(l.next.Load())
				check(t, "subscription", events, want, gap)
				if errors.Is(err, ErrTooSlow) != s.cut {
					t.Fatalf("got %v, cut off %v", err, s.cut)
				}
				if len(want) > 0 {
					s.after, s.begun = uint64(first+want[len(want)-1]), true
				}
			},
			"": func(t *rapid.T) {
				if newest := uint64(first + m.n - 1); l.Newest() != newest {
					t.Fatalf("the newest is %d, want %d", l.Newest(), newest)
				}
			},
		})
	})
}
