package rollout

import (
	"fmt"
	"time"
)

// What a client reports of a member's command.
const (
	ResultStarted = "started" // it is about to run: the client runs it when this is accepted, and only then
	ResultDone    = "done"
	ResultFailed  = "failed"
)

// Report takes in what the client says about a member's command, and gives the client another whole lease. Without a result that is
// all. text is why the command failed.
func (r Rollout) Report(member, result, text string, v View, now time.Time) (Rollout, error) {
	t := newTurn(r, v, now)
	if result != "" {
		i := t.find(member)
		if i < 0 {
			return r, fmt.Errorf("%q is no member of this rollout", member)
		}
		if err := t.report(i, result, text); err != nil {
			return r, err
		}
	}
	t.r.Lease = t.now.Add(Lease)
	t.endLease()
	return t.r, nil
}

func (t *turn) report(i int, result, text string) error {
	switch result {
	case ResultStarted:
		if err := t.mayStart(&t.r.Members[i]); err != nil {
			return err
		}
		t.step(i, StepReplacing).Started = t.now
	case ResultDone:
		if err := t.mayEnd(i); err != nil {
			return err
		}
		t.step(i, StepReturning)
	case ResultFailed:
		if err := t.mayEnd(i); err != nil {
			return err
		}
		if text = line(text); text == "" {
			text = "its command failed"
		}
		t.fail(i, text)
	default:
		return fmt.Errorf("result %q is unknown: want %s, %s or %s", result, ResultStarted, ResultDone, ResultFailed)
	}
	return nil
}

// mayStart tells whether a member's command may begin now.
func (t *turn) mayStart(m *Member) error {
	if t.r.Status != StatusRunning {
		return fmt.Errorf("the rollout is %s: nothing is started", t.r.Status)
	}
	if m.Step != StepSafe {
		return fmt.Errorf("%s is %s: only one that is %s is started", m.ID, m.Step, StepSafe)
	}
	switch v := t.seen[m.ID]; {
	case t.gone(m):
		return fmt.Errorf("%s has left %s: it is not started", m.ID, scope(t.r.Region))
	case !v.stoppable(): // the next tick will see it too
		return fmt.Errorf("%s is not safe to stop any more: safe after %s", m.ID, v.SafeAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// mayEnd notes that a member's command has ended.
func (t *turn) mayEnd(i int) error {
	m := &t.r.Members[i]
	switch {
	case m.Step == StepReplacing:
	case m.Step == StepSafe: // whoever says how it ended has started it
		t.edit(i).Started = t.now
	case m.lost() && !t.r.Active(): // late news of one that was given up
	default:
		return fmt.Errorf("%s is %s: no end of its command is awaited", m.ID, m.Step)
	}
	t.edit(i).Done = t.now
	return nil
}

// lost tells whether a member's command began and nobody has said how it ended.
func (m *Member) lost() bool { return m.Step == StepFailed && !m.Started.IsZero() && m.Done.IsZero() }
