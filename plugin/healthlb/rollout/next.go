package rollout

import (
	"fmt"
	"strings"
	"time"
)

// retry is how long a rollout waits, while other members are under way, before it asks again for a drain that the pool could not spare.
// Each refusal is a write to the store.
const retry = 10 * time.Second

// Next takes the rollout as far as it can go now, and says what to do about drains. It tells whether the rollout changed; called again
// with the same view at the same time it changes nothing.
func (r Rollout) Next(v View, now time.Time) (Rollout, Orders, bool) {
	if !r.Open() {
		return r, Orders{}, false
	}
	t := newTurn(r, v, now)
	t.expire()
	if t.r.Active() {
		t.advance()
		t.timeout()
		t.begin()
		t.finish()
	}
	if !t.r.Active() {
		t.wind()
	}
	return t.r, t.orders(), t.changed
}

// expire ends what a client has left behind.
func (t *turn) expire() {
	if t.r.Lease.IsZero() || t.now.Before(t.r.Lease) {
		return
	}
	if t.r.Active() {
		t.end(StatusAbandoned, fmt.Sprintf("its client has said nothing for %s", Lease))
		return
	}
	for i := range t.r.Members {
		if t.r.Members[i].Step == StepReplacing {
			t.lose(i)
		}
	}
	t.endLease()
}

// advance takes each member as far as the view has it. Those that leave come first: it is theirs that the pool lacks then.
func (t *turn) advance() {
	for i := range t.r.Members {
		switch t.r.Members[i].Step {
		case StepWaiting, StepDraining, StepSafe:
			t.approach(i)
		}
	}
	for i := range t.r.Members {
		if m := &t.r.Members[i]; m.Step == StepReturning && t.lacksFor(m) == "" {
			t.step(i, StepDone)
		}
	}
}

// approach is advance for a member whose command has not begun.
func (t *turn) approach(i int) {
	m := &t.r.Members[i]
	v := t.seen[m.ID]
	switch {
	case t.gone(m): // nobody destroys what somebody else has taken out of the pool
		t.step(i, StepReleased).Error = "it left " + scope(t.r.Region) + " before its command"
	case m.Step == StepDraining && v.stoppable():
		t.step(i, StepSafe)
	case m.Step == StepSafe && !v.stoppable() && t.r.Status == StatusRunning: // while it is paused, nothing can start anyhow
		t.step(i, StepDraining)
	}
}

// timeout fails the members that took too long.
func (t *turn) timeout() {
	for i := range t.r.Members {
		if t.r.Status != StatusRunning { // while it is paused no clock runs; when it has ended, wind sees to it
			return
		}
		if m := &t.r.Members[i]; m.Step.underWay() && t.late(m) {
			t.fail(i, line(fmt.Sprintf("after %s still %s: %s", t.r.Timeout, m.Step, t.awaits(m))))
		}
	}
}

func (t *turn) late(m *Member) bool { return t.now.Sub(m.Begun) >= t.r.Timeout }

// awaits says what a member under way waits for.
func (t *turn) awaits(m *Member) string {
	v := t.seen[m.ID]
	switch m.Step {
	case StepDraining:
		switch {
		case v == nil:
			return "it is not in the pool"
		case !v.Drained:
			return "its drain is not in force"
		case !v.Out:
			return "answers still name it"
		}
		return "safe after " + v.SafeAfter.UTC().Format(time.RFC3339)
	case StepSafe:
		return "its client has not started its command"
	case StepReplacing:
		return "its command has not ended"
	}
	return t.lacksFor(m)
}

// begin gives turns to the next members, as long as the pool is whole.
func (t *turn) begin() {
	if t.r.Status != StatusRunning {
		return
	}
	room, busy := t.room(), t.underWay() > 0
	for i := range t.r.Members {
		if t.r.Members[i].Step != StepWaiting {
			continue
		}
		if room <= 0 || busy && t.now.Sub(t.r.NoRoom) < retry {
			return
		}
		if why := t.lacks(); why != "" {
			if !busy && t.now.Sub(t.calm()) >= t.r.Timeout {
				t.end(StatusFailed, line(fmt.Sprintf("%s could not begin for %s: %s", t.r.Members[i].ID, t.r.Timeout, why)))
			}
			return
		}
		m := t.step(i, StepDraining)
		m.Begun, m.Drained = t.now, true
		room, busy = t.room(), true
	}
}

// calm is since when no member has been under way, when none is.
func (t *turn) calm() time.Time {
	since := t.r.Started
	if t.r.Resumed.After(since) {
		since = t.r.Resumed
	}
	for i := range t.r.Members {
		if m := &t.r.Members[i]; m.Step.over() && m.Since.After(since) {
			since = m.Since
		}
	}
	return since
}

// finish ends the rollout when all turns are over.
func (t *turn) finish() {
	if !t.r.Active() {
		return
	}
	number := map[Step]int{}
	for i := range t.r.Members {
		if !t.r.Members[i].Step.over() {
			return
		}
		number[t.r.Members[i].Step]++
	}
	text := []string{fmt.Sprintf("%d replaced", number[StepDone])}
	if n := number[StepFailed]; n > 0 {
		text = append(text, fmt.Sprintf("%d failed", n))
	}
	if n := number[StepReleased]; n > 0 {
		text = append(text, fmt.Sprintf("%d left before that", n))
	}
	t.end(StatusDone, strings.Join(text, ", "))
}

// wind sees to what an ended rollout has left: the pool need not be whole any more for those that return.
func (t *turn) wind() {
	for i := range t.r.Members {
		m := &t.r.Members[i]
		switch m.Step {
		case StepReplacing:
			if t.late(m) {
				t.fail(i, fmt.Sprintf("after %s still %s: %s", t.r.Timeout, m.Step, t.awaits(m)))
			}
		case StepReturning:
			if v := t.seen[m.ID]; v == nil || !v.ours() {
				t.step(i, StepDone)
			}
		}
	}
	t.endLease()
}

// orders compares drains as they should be with those that the view shows.
func (t *turn) orders() Orders {
	var o Orders
	for i := range t.r.Members {
		m, v := &t.r.Members[i], t.seen[t.r.Members[i].ID]
		switch {
		case m.Step == StepDraining && v != nil && !v.Drained && t.r.Status == StatusRunning:
			if t.lacks() == "" { // it may be long since the pool was whole, when somebody else has taken the drain back
				o.Drain = append(o.Drain, m.ID)
			}
		case m.free() && v == nil && m.Drained:
			t.edit(i).Drained = false
			o.Undrain = append(o.Undrain, m.ID)
		case m.Step == StepReturning && v != nil && v.ours() && (v.Probed.After(m.Done) || !t.r.Active()),
			m.free() && v != nil && v.ours():
			o.Undrain = append(o.Undrain, m.ID)
		}
		// Of one that goes out, a drain that is gone is ordered anew; of one that comes back, it is gone for good.
		if m.Drained && v != nil && !v.ours() && (m.Step.over() || m.Step == StepReturning) {
			t.edit(i).Drained = false
		}
	}
	return o
}
