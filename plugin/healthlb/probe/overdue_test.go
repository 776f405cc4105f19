package probe

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// overdue asks about the targets that are late now.
func overdue(t *testing.T, s *Scheduler) map[*Entry]bool {
	t.Helper()
	late, stalled := s.Overdue(time.Now())
	if stalled {
		t.Error("stalled")
	}
	set := make(map[*Entry]bool)
	for _, e := range late {
		if set[e] {
			t.Error("told twice")
		}
		set[e] = true
	}
	return set
}

func TestNobodyIsOverdueWhenAllIsWell(t *testing.T) {
	scheduled(t, Options{}, func(t *testing.T, s *Scheduler) {
		for i := range 1000 {
			check := fake(pass)
			if i%2 == 0 {
				check = hang
			}
			s.Add(target, check, Report(func(Result) bool { return i%3 == 0 }), i%5 == 0)
		}
		for range 100 {
			time.Sleep(777 * time.Millisecond)
			if late := overdue(t, s); len(late) > 0 {
				t.Fatalf("%d are late", len(late))
			}
		}
	})
}

func TestOverdue(t *testing.T) {
	// One may run at once, and it never ends: it is in flight since 0 s, has a second, and is overdue 4 s after that. The next one has
	// been due since 2 s, the third since 3 s; the others wait for their first probe since 0 s, 50 us after one another.
	scheduled(t, Options{MaxInFlight: 1, Jitter: cycle(0.5, 0.25)}, func(t *testing.T, s *Scheduler) {
		release := make(chan bool)
		stuck := s.Add(target, fake(func(context.Context) Result { <-release; return Result{} }), Report(func(Result) bool { return false }), true)
		synctest.Wait()
		second2 := s.Add(target, fake(pass), Report(func(Result) bool { return false }), false)
		third := s.Add(target, fake(pass), Report(func(Result) bool { return false }), false)
		queued := s.Add(target, fake(pass), Report(func(Result) bool { return false }), true)
		stopped := s.Add(target, fake(pass), Report(func(Result) bool { return false }), true)
		stopped.Stop()
		slow := target
		slow.Interval = time.Minute
		patient := s.Add(slow, fake(pass), Report(func(Result) bool { return false }), true)

		epoch := time.Now()
		for _, tt := range []struct {
			at   time.Duration
			late []*Entry
		}{
			{3900 * time.Millisecond, nil},
			{4100 * time.Millisecond, []*Entry{queued}},
			{5100 * time.Millisecond, []*Entry{queued, stuck}},
			{6100 * time.Millisecond, []*Entry{queued, stuck, second2}},
			{7100 * time.Millisecond, []*Entry{queued, stuck, second2, third}},
			{time.Hour, []*Entry{queued, stuck, second2, third, patient}},
		} {
			time.Sleep(tt.at - time.Since(epoch))
			late := overdue(t, s)
			if len(late) != len(tt.late) {
				t.Errorf("after %v: %d are late, want %d", tt.at, len(late), len(tt.late))
			}
			for i, e := range tt.late {
				if !late[e] {
					t.Errorf("after %v: number %d is not late", tt.at, i)
				}
			}
		}
		close(release)
		synctest.Wait()
		time.Sleep(second)
		if late := overdue(t, s); len(late) > 0 {
			t.Errorf("%d are still late", len(late))
		}
	})
}

// A Report that hangs is called by the loop itself. Then all others are overdue in time, and the loop is known to stand still.
func TestOverdueWhileAReportHangs(t *testing.T) {
	dst := member(t, "127.0.0.1:0", silent)
	s := NewScheduler(Options{})
	hangs, release := make(chan bool), make(chan bool)
	often := Target{Route: to(dst), Check: justConnect.Key(), Interval: 200 * time.Millisecond, Timeout: 100 * time.Millisecond, Confirm: second}
	var p probed
	others := make(map[*Entry]bool)
	for range 20 {
		others[s.Add(often, justConnect, Report(p.report), true)] = true
	}
	until(t, "all have been probed", func() bool { return p.n.Load() >= 100 })
	culprit := s.Add(often, justConnect, Report(func(Result) bool { close(hangs); <-release; return false }), true)
	others[culprit] = true
	<-hangs
	until(t, "all are overdue", func() bool {
		late, _ := s.Overdue(time.Now())
		for _, e := range late {
			if !others[e] {
				t.Error("somebody unknown is overdue")
			}
		}
		return len(late) == len(others)
	})
	until(t, "stalled", func() bool { _, stalled := s.Overdue(time.Now()); return stalled })
	e := s.Add(often, justConnect, Report(p.report), false) // neither does anything else hang
	e.SetTripwire(true)
	e.Stop()
	close(release)
	culprit.Stop()
	until(t, "nobody is overdue", func() bool { late, stalled := s.Overdue(time.Now()); return len(late) == 0 && !stalled })
	s.Close()
	if late, stalled := s.Overdue(time.Now().Add(time.Hour)); len(late) > 0 || stalled {
		t.Errorf("after Close: %d late, stalled %v", len(late), stalled)
	}
}

func TestOverdueDoesNotWaitForALockThatIsHeld(t *testing.T) {
	s := NewScheduler(Options{})
	defer s.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, stalled := s.Overdue(time.Now()); !stalled {
		t.Error("not stalled")
	}
}
