package rollout

import (
	"fmt"
	"time"
)

// Pause lets nothing begin until Resume. What is under way goes on, and may take as long as it takes.
func (r Rollout) Pause(who string, now time.Time) (Rollout, error) {
	if r.Status != StatusRunning {
		return r, fmt.Errorf("the rollout is %s: only one that is %s can be paused", r.Status, StatusRunning)
	}
	r.Status, r.Reason, r.Paused = StatusPaused, by("paused", who), stored(now)
	return r, nil
}

// Resume lets a paused rollout go on. The time of the pause is given back to the members under way. Whoever resumed it is for the log:
// a rollout that runs has no reason to tell.
func (r Rollout) Resume(_ string, now time.Time) (Rollout, error) {
	if r.Status != StatusPaused {
		return r, fmt.Errorf("the rollout is %s: only one that is %s can be resumed", r.Status, StatusPaused)
	}
	t := newTurn(r, View{}, now)
	t.unpause()
	t.r.Status, t.r.Reason = StatusRunning, ""
	return t.r, nil
}

// Cancel ends a rollout. One that has ended stays as it is.
func (r Rollout) Cancel(who string, now time.Time) (Rollout, error) {
	if !r.Active() {
		return r, nil
	}
	t := newTurn(r, View{}, now)
	t.end(StatusCancelled, by("cancelled", who))
	return t.r, nil
}

// Refused says that a drain that Next ordered could not be: the pool cannot spare the member. Its turn waits while others are under way,
// which may come back; without others nothing would change, and the rollout fails.
func (r Rollout) Refused(member, why string, now time.Time) Rollout {
	t := newTurn(r, View{}, now)
	i := t.find(member)
	if i < 0 || !r.Active() || r.Members[i].Step != StepWaiting && r.Members[i].Step != StepDraining {
		return r
	}
	m := t.step(i, StepWaiting)
	m.Since, m.Begun, m.Drained = t.r.Started, time.Time{}, false // its turn has not begun
	m.Error, t.r.NoRoom = line(why), t.now
	if t.underWay() == 0 {
		t.end(StatusFailed, line(member+" cannot be drained: "+why))
	}
	return t.r
}

// Restarted is for a rollout that the store has kept while no responder ran: it is paused until somebody has looked, and its client has
// a whole lease to come back. For how long nobody ran is not known; the time since the client's last report that the store holds is
// given back to the members under way.
func (r Rollout) Restarted(now time.Time) Rollout {
	now = stored(now)
	if r.Status == StatusRunning {
		r.Status, r.Reason, r.Paused = StatusPaused, "the responder was started anew", now
		if last := r.Lease.Add(-Lease); last.Before(now) {
			r.Paused = last
		}
	}
	if !r.Lease.IsZero() {
		r.Lease = now.Add(Lease)
	}
	return r
}
