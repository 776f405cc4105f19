package rollout

import (
	"fmt"
	"time"
)

// whole is what a pool is without the members under way and the failed ones, of which nothing is expected.
type whole struct {
	want   int // members that it should have at least
	have   int
	faults list // of those it has
}

// Waits says what an active rollout waits for, in a line. Empty: for the next tick.
func (r Rollout) Waits(v View) string {
	if !r.Active() {
		return ""
	}
	t := newTurn(r, v, time.Time{})
	var waits list
	for i := range t.r.Members {
		if m := &t.r.Members[i]; m.Step.underWay() {
			if why := t.awaits(m); why != "" {
				waits.add(fmt.Sprintf("%s is %s: %s", m.ID, m.Step, why))
			}
		}
	}
	if waits.n == 0 && t.underWay() == 0 {
		return t.lacks()
	}
	return waits.String()
}

// lacks says what the pool lacks, in a line. Empty: it is whole.
func (t *turn) lacks() string {
	w := t.look()
	return t.shortage(w.want, w.have, w.faults)
}

// lacksFor is lacks for a member under way, of which as much is expected as of others: it, or another one in its stead, has to be there.
func (t *turn) lacksFor(m *Member) string {
	w := *t.look()
	w.want++
	v := t.seen[m.ID]
	if v != nil {
		switch {
		case !v.Probed.After(m.Done):
			return m.ID + " has not passed its checks since its command ended"
		case v.fault() != "":
			return m.ID + " " + v.fault()
		case v.in(t.r.Region):
			w.have++
		}
	}
	return t.shortage(w.want, w.have, w.faults)
}

func (t *turn) look() *whole {
	if t.whole != nil {
		return t.whole
	}
	w := &whole{want: t.r.Count}
	apart := make(map[string]bool)
	for i := range t.r.Members {
		if m := &t.r.Members[i]; m.Step.underWay() || m.Step == StepFailed {
			apart[m.ID] = true
			w.want--
		}
	}
	for i := range t.view.Members {
		v := &t.view.Members[i]
		if apart[v.ID] || !v.in(t.r.Region) {
			continue
		}
		w.have++
		if fault := v.fault(); fault != "" {
			w.faults.add(v.ID + " " + fault)
		}
	}
	t.whole = w
	return w
}

// shortage says what is wrong with a pool that has so many of the members it should have, some with faults.
func (t *turn) shortage(want, have int, faults list) string {
	text := faults.String()
	if have >= want {
		return text
	}
	short := fmt.Sprintf("%s has %s of %d", scope(t.r.Region), count(have, "member"), want)
	if apart := t.r.Count - want; apart > 0 {
		short += fmt.Sprintf(" (without %d under way or failed)", apart)
	}
	if text != "" {
		short += ", " + text
	}
	return short
}
