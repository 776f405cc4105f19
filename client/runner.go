package client

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"example.org/healthlb/api"
)

// runner is a RunRollout under way. One goroutine uses it, which also makes all calls, one after the other; what Replace does happens in
// others, which tell their end.
type runner struct {
	c     *Client
	run   RolloutRun
	ctx   context.Context
	turns map[string]*turn // members whose turn has come and is not all told yet
	ended chan turn        // those that Replace has returned from

	last      api.Rollout // as the responder said last
	news      int         // how often it has said so
	heard     time.Time   // when the responder last knew of the rollout
	beaten    time.Time   // when it last heard of this client
	gone      error       // not nil: the responder has no such rollout any more, and why
	cancelled bool        // the responder was told to cancel
	quit      time.Time   // when what cannot be told is left untold; zero: not set
	trouble   error       // as told
}

// turn is how far this client is with one member.
type turn struct {
	member api.RolloutMember
	at     stage
	result api.RolloutReport // when told is what is left to do
	called int               // the runner's news when the responder was told last; 0: not told yet
}

// stage is a stage of a turn.
type stage uint8

const (
	asking  stage = iota // "started" was reported, and whether the responder has heard is not known
	running              // Replace runs
	telling              // Replace has returned, and the responder is to hear how
)

// maxError is the longest error that a report takes, in bytes.
const maxError = 1024

// advance does all that can be done now.
func (r *runner) advance() {
	if r.ctx.Err() != nil {
		r.cancel()
	}
	for id, t := range r.turns {
		if t.called > 0 && t.called < r.news { // this was said after the call
			r.settle(t, r.stepOf(id))
		}
	}
	for _, m := range r.last.Members { // as they are now: reports bring news, which are for the next round
		if m.Step == stepSafe && r.turns[m.ID] == nil && r.last.Status == RolloutRunning && r.gone == nil && r.ctx.Err() == nil {
			r.begin(m)
		}
	}
	for id, t := range r.turns {
		if t.at == telling && r.gone == nil && !r.tooEarly(r.stepOf(id)) {
			r.tell(t)
		}
	}
}

// tooEarly tells whether a member was given up while its command ran: the responder hears how that ended only after the rollout.
func (r *runner) tooEarly(step string) bool { return step == stepFailed && !isOver(r.last.Status) }

// stepOf is the step of a member; empty: it is none of the rollout's.
func (r *runner) stepOf(id string) string {
	for _, m := range r.last.Members {
		if m.ID == id {
			return m.Step
		}
	}
	return ""
}

// The steps of a member that matter here.
const (
	stepSafe      = "safe"
	stepReplacing = "replacing"
	stepFailed    = "failed"
)

// settle goes on with a turn by the step that the responder says its member is at.
func (r *runner) settle(t *turn, step string) {
	switch {
	case t.at == telling && r.tooEarly(step):
		t.called = 0 // to be told anew
	case t.at == asking && step == stepReplacing && r.ctx.Err() == nil: // it has heard
		r.replace(t)
	case t.at == asking && step == stepReplacing:
		t.at, t.called, t.result = telling, 0, r.report(t.member.ID, "failed")
		t.result.Error = "the command was not run, as the client was told to stop"
	case t.at == asking, t.at == telling && step != stepReplacing: // it has not; or it has heard of the end
		delete(r.turns, t.member.ID)
	}
}

// begin tells that the command is about to run, and runs it if the responder has nothing against it. When it refuses, or its answer is
// lost, what it says next decides: an earlier call may have reached it late.
func (r *runner) begin(m api.RolloutMember) {
	t := &turn{member: m}
	err := r.call(func(ctx context.Context) (api.Rollout, error) {
		return r.c.ReportRollout(ctx, r.last.Pool, r.report(m.ID, "started"))
	})
	r.turns[m.ID] = t
	if t.called = r.news; err == nil && r.gone == nil && r.ctx.Err() == nil {
		r.replace(t)
	}
}

// replace runs the command.
func (r *runner) replace(t *turn) {
	t.at, t.called = running, 0
	ended := *t
	go func() {
		err := r.run.Replace(r.run.Commands, ended.member)
		ended.at, ended.result = telling, r.report(ended.member.ID, "done")
		if err != nil {
			ended.result = r.report(ended.member.ID, "failed")
			ended.result.Error = cut(err.Error(), maxError)
		}
		r.ended <- ended
	}()
}

// tell tells how the command has ended. What the responder does not hear is told again, until it turns out that it knows.
func (r *runner) tell(t *turn) {
	err := r.call(func(ctx context.Context) (api.Rollout, error) { return r.c.ReportRollout(ctx, r.last.Pool, t.result) })
	if err == nil || IsStatus(err, http.StatusBadRequest, http.StatusUnprocessableEntity) { // it will never like it better
		delete(r.turns, t.member.ID)
	}
	t.called = r.news
}

func (r *runner) report(member, result string) api.RolloutReport {
	return api.RolloutReport{Rollout: r.run.Rollout.ID, Member: member, Result: result}
}

// cancel has the responder cancel the rollout, once.
func (r *runner) cancel() {
	if r.cancelled || r.gone != nil || isOver(r.last.Status) {
		return
	}
	err := r.call(func(ctx context.Context) (api.Rollout, error) {
		return r.c.SteerRollout(ctx, r.last.Pool, CancelRollout)
	})
	r.cancelled = err == nil
}

// look asks how the rollout stands. While it lasts, it tells every now and then that this client is there, which is answered in the same
// way.
func (r *runner) look() {
	if r.gone != nil {
		return
	}
	if !isOver(r.last.Status) && time.Since(r.beaten) >= r.c.pace.beat {
		err := r.call(func(ctx context.Context) (api.Rollout, error) {
			return r.c.ReportRollout(ctx, r.last.Pool, api.RolloutReport{Rollout: r.run.Rollout.ID})
		})
		if err == nil {
			r.beaten = time.Now()
			return
		}
		if StatusOf(err) == 0 {
			return
		}
	}
	err := r.call(func(ctx context.Context) (api.Rollout, error) { return r.c.Rollout(ctx, r.last.Pool) })
	if IsStatus(err, http.StatusNotFound) && time.Since(r.heard) > r.c.pace.gone { // a responder that starts may not have all pools yet
		r.gone = err
	}
}

// call makes a call, whether ctx has ended or not, and takes in what it says.
func (r *runner) call(do func(context.Context) (api.Rollout, error)) error {
	ctx, cancel := withTimeout(context.WithoutCancel(r.ctx), r.c.pace.call)
	defer cancel()
	rollout, err := do(ctx)
	if err == nil {
		r.heard = time.Now()
		r.take(rollout)
	}
	if err == nil || !IsStatus(err, http.StatusConflict) { // a conflict is how things stand, which Show tells
		if r.run.OnTrouble != nil && !sameTrouble(err, r.trouble) {
			r.run.OnTrouble(err)
		}
		r.trouble = err
	}
	return err
}

// take takes in how the rollout stands.
func (r *runner) take(rollout api.Rollout) {
	if rollout.ID != r.run.Rollout.ID {
		r.gone = fmt.Errorf("the responder has another one, %s, in its place", rollout.ID)
		return
	}
	before, after := r.last, rollout
	r.last = rollout
	r.news++
	before.Lease, after.Lease = nil, nil
	if r.run.Show != nil && !reflect.DeepEqual(before, after) {
		r.run.Show(rollout)
	}
}

// over tells whether there is nothing left to do, and then how it ended.
func (r *runner) over() (bool, error) {
	if r.gone != nil {
		for id, t := range r.turns { // nobody is there to be told
			if t.at != running {
				delete(r.turns, id)
			}
		}
	}
	if len(r.turns) == 0 && (r.gone != nil || isOver(r.last.Status)) {
		return true, r.outcome()
	}
	if r.ctx.Err() == nil || r.busy() {
		return false, nil
	}
	if r.quit.IsZero() {
		r.quit = time.Now().Add(2 * r.c.pace.farewell)
	}
	if time.Now().Before(r.quit) {
		return false, nil
	}
	left := fmt.Errorf("%s is left behind, %s as far as is known", r.name(), r.last.Status)
	if r.trouble != nil {
		left = fmt.Errorf("%w: %w", left, r.trouble)
	}
	return true, left
}

// outcome is how the rollout has ended.
func (r *runner) outcome() error {
	switch {
	case r.gone != nil && !isOver(r.last.Status):
		return fmt.Errorf("%s is lost: %w", r.name(), r.gone)
	case r.last.Status == RolloutDone:
		return nil
	case r.last.Reason == "":
		return fmt.Errorf("%s: %s", r.name(), r.last.Status)
	}
	return fmt.Errorf("%s: %s: %s", r.name(), r.last.Status, r.last.Reason)
}

func (r *runner) name() string {
	return fmt.Sprintf("rollout %s of the pool %s", r.run.Rollout.ID, r.run.Rollout.Pool)
}

// busy tells whether some command runs.
func (r *runner) busy() bool {
	for _, t := range r.turns {
		if t.at == running {
			return true
		}
	}
	return false
}

// isOver tells whether a rollout with this status has ended.
func isOver(status string) bool { return status != RolloutRunning && status != RolloutPaused }

// cut is the beginning of a text that fits into so many bytes, in UTF-8.
func cut(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "")
}
