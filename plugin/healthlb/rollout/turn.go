package rollout

import (
	"fmt"
	"slices"
	"time"
)

// turn is one call's work on a rollout. It copies the members before it changes the first of them.
type turn struct {
	r       Rollout
	now     time.Time
	view    View
	seen    map[string]*MemberView // by id
	whole   *whole                 // what the pool lacks; nil: to be found out, again after each step of a member
	copied  bool
	changed bool
}

func newTurn(r Rollout, v View, now time.Time) *turn {
	t := &turn{r: r, now: stored(now), view: v, seen: make(map[string]*MemberView, len(v.Members))}
	for i := range v.Members {
		t.seen[v.Members[i].ID] = &v.Members[i]
	}
	return t
}

// edit returns a member to be changed.
func (t *turn) edit(i int) *Member {
	if !t.copied {
		t.r.Members, t.copied = slices.Clone(t.r.Members), true
	}
	t.changed = true
	return &t.r.Members[i]
}

// step brings a member to a step. What its turn waited for is told no longer.
func (t *turn) step(i int, s Step) *Member {
	m := t.edit(i)
	m.Step, m.Since, m.Error = s, t.now, ""
	t.whole = nil
	return m
}

// find returns the place of a member in the rollout, and -1 when it is none of it.
func (t *turn) find(id string) int {
	return slices.IndexFunc(t.r.Members, func(m Member) bool { return m.ID == id })
}

// gone tells whether a member has left the pool, or the region.
func (t *turn) gone(m *Member) bool {
	v := t.seen[m.ID]
	return v == nil || !v.in(t.r.Region)
}

// underWay is the number of members whose turn it is.
func (t *turn) underWay() int {
	n := 0
	for i := range t.r.Members {
		if t.r.Members[i].Step.underWay() {
			n++
		}
	}
	return n
}

// canaries returns the number of members, counted from the first, among which all canaries are. Who left the pool before its command
// is no canary: the next one is in its stead.
func (t *turn) canaries() int {
	wanted := t.r.Canary
	for i := range t.r.Members {
		if wanted == 0 {
			return i
		}
		if t.r.Members[i].Step != StepReleased {
			wanted--
		}
	}
	return len(t.r.Members)
}

// room is how many more members may begin.
func (t *turn) room() int {
	limit := t.r.Parallel
	for _, m := range t.r.Members[:t.canaries()] {
		if !m.Step.over() {
			limit = 1
		}
	}
	return limit - t.underWay()
}

// fail takes a member for failed, and ends the rollout when that is one too many.
func (t *turn) fail(i int, why string) {
	m := t.step(i, StepFailed)
	m.Error = why
	if !t.r.Active() {
		return
	}
	failed := 0
	for i := range t.r.Members {
		if t.r.Members[i].Step == StepFailed {
			failed++
		}
	}
	switch {
	case i < t.canaries():
		t.end(StatusFailed, line("canary "+m.ID+" failed: "+why))
	case failed > t.r.MaxFailures && t.r.MaxFailures == 0:
		t.end(StatusFailed, line(m.ID+" failed: "+why))
	case failed > t.r.MaxFailures:
		t.end(StatusFailed, line(fmt.Sprintf("%d members failed, at most %d may: %s: %s", failed, t.r.MaxFailures, m.ID, why)))
	}
}

// lose takes a member for failed of which nobody will say how its command ended.
func (t *turn) lose(i int) {
	t.step(i, StepFailed).Error = "its client is gone while its command ran: nobody knows how that ended"
}

// end ends the rollout. Whose command has not begun is released; all others go on until it is known how their commands end.
func (t *turn) end(s Status, reason string) {
	t.unpause()
	t.r.Status, t.r.Reason, t.r.Ended, t.changed = s, reason, t.now, true
	for i := range t.r.Members {
		switch t.r.Members[i].Step {
		case StepWaiting, StepDraining, StepSafe:
			t.step(i, StepReleased)
		case StepReplacing:
			if s == StatusAbandoned {
				t.lose(i)
			}
		}
	}
	t.endLease()
}

// endLease lets a client go that has nothing more to tell.
func (t *turn) endLease() {
	if t.r.Active() || t.r.Lease.IsZero() {
		return
	}
	if !slices.ContainsFunc(t.r.Members, func(m Member) bool { return m.Step == StepReplacing }) {
		t.r.Lease, t.changed = time.Time{}, true
	}
}

// unpause sets the clocks of members going again.
func (t *turn) unpause() {
	if t.r.Paused.IsZero() {
		return
	}
	for i := range t.r.Members {
		if !t.r.Members[i].Step.underWay() {
			continue
		}
		m := t.edit(i)
		stood := m.Begun // it begins to stand when the pause begins, or its turn
		if t.r.Paused.After(stood) {
			stood = t.r.Paused
		}
		m.Begun = m.Begun.Add(t.now.Sub(stood))
	}
	t.r.Paused, t.r.Resumed, t.changed = time.Time{}, t.now, true
}
