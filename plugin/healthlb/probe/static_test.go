package probe

import (
	"net/netip"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

func TestStatic(t *testing.T) {
	nowhere := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), 0)
	wantResult(t, NewStatic(true), nowhere, enough, health.Pass, "")
	wantResult(t, NewStatic(false), nowhere, enough, health.Fail, "the Corefile says down")
	for up, name := range map[bool]string{true: "up", false: "down"} {
		c := NewStatic(up)
		if c.Kind() != name || c.Name() != name || c.Key() != name || c.Port() != 0 {
			t.Errorf("kind %s, name %s, key %s, port %d, want %s", c.Kind(), c.Name(), c.Key(), c.Port(), name)
		}
	}
}

// TestStaticIsSeldomProbed: a static check finds the same again, but for those who wait for a result it is probed all the same. The clock is that
// of synctest: sleeping is how it moves, and takes no time.
func TestStaticIsSeldomProbed(t *testing.T) {
	scheduled(t, Options{Jitter: cycle(0.5)}, func(t *testing.T, s *Scheduler) {
		var j journal
		j.confirm = true
		epoch := time.Now()
		s.Add(target, NewStatic(true), Report(j.report), true)
		time.Sleep(target.Confirm + target.Confirm/2)
		j.mu.Lock()
		j.confirm = false
		j.mu.Unlock()
		time.Sleep(2 * time.Hour)
		wantTimes(t, j.starts(epoch), 0, target.Confirm, 2*target.Confirm, 2*target.Confirm+30*time.Minute, 2*target.Confirm+90*time.Minute)

		slow := target
		slow.Interval = 24 * time.Hour
		if at := s.Add(slow, NewStatic(true), Report(j.report), false); at.interval() != slow.Interval {
			t.Errorf("an interval of %v becomes %v", slow.Interval, at.interval())
		}
	})
}
