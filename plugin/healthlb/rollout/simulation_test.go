package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAWholeRollout is a rollout with a client that does what it should: its command takes 20 s, of web-2 40 s, destroys the server
// and makes another one under a new name, which takes 10 s to its first pass and 15 s more to its whole share.
func TestAWholeRollout(t *testing.T) {
	const tick = 250 * time.Millisecond
	l := newLab(t, Spec{Canary: 1, Parallel: 2, Command: "replace {id}"}, "web-1", "web-2", "web-3", "web-4", "web-5")
	ends := map[string]time.Time{} // of commands
	born := map[string]time.Time{} // of new servers
	var story []string             // what happens, with the seconds since the start
	said := map[string]string{}    // the last of it, by member
	for now := start; l.r.Open(); now = now.Add(tick) {
		if now.Sub(start) > time.Hour {
			t.Fatalf("does not end: %s", l.steps())
		}
		l.now = now
		for _, m := range slices.Clone(l.r.Members) {
			switch {
			case m.Step == StepSafe:
				l.report(m.ID, ResultStarted, "")
				ends[m.ID] = now.Add(20 * time.Second)
				if m.ID == "web-2" {
					ends[m.ID] = now.Add(40 * time.Second)
				}
				l.remove(m.ID)
			case m.Step == StepReplacing && !now.Before(ends[m.ID]):
				id := strings.Replace(m.ID, "web", "new", 1)
				l.put(id)
				born[id] = now
				l.report(m.ID, ResultDone, "")
			}
		}
		for id, at := range born {
			age := now.Sub(at)
			s := l.servers[id]
			if s.up, s.faded = age >= 10*time.Second, age >= 25*time.Second; s.up {
				s.probed = now
			}
		}
		l.report("", "", "")
		l.tick()
		for _, m := range l.r.Members {
			if said[m.ID] != string(m.Step) && m.Step != StepWaiting {
				said[m.ID] = string(m.Step)
				story = append(story, fmt.Sprintf("%6.2fs %s %s", now.Sub(start).Seconds(), m.ID, m.Step))
			}
		}
	}
	if got := "\n" + strings.Join(story, "\n") + "\n"; got != aWholeRollout {
		t.Errorf("got %s\nwant %s", got, aWholeRollout)
	}
	l.want("done: web-1 done web-2 done web-3 done web-4 done web-5 done")
	l.wantReason("5 replaced")
	if len(l.drains) > 0 || len(l.servers) != 5 {
		t.Errorf("left: drains %v, %d servers", l.drains, len(l.servers))
	}
}

const aWholeRollout = `
  0.00s web-1 draining
 30.00s web-1 safe
 30.25s web-1 replacing
 50.25s web-1 returning
 75.25s web-1 done
 75.25s web-2 draining
 75.25s web-3 draining
105.25s web-2 safe
105.25s web-3 safe
105.50s web-2 replacing
105.50s web-3 replacing
125.50s web-3 returning
145.50s web-2 returning
170.50s web-2 done
170.50s web-3 done
170.50s web-4 draining
170.50s web-5 draining
200.50s web-4 safe
200.50s web-5 safe
200.75s web-4 replacing
200.75s web-5 replacing
220.75s web-4 returning
220.75s web-5 returning
245.75s web-4 done
245.75s web-5 done
`
