package client

import (
	"context"
	"time"

	"example.org/healthlb/api"
)

// RolloutRun is a rollout with the client's side of it.
type RolloutRun struct {
	Rollout api.Rollout // as StartRollout returned it

	// Replace replaces a member; it is called in goroutines of its own. Its error is reported, in 1024 bytes.
	Replace func(ctx context.Context, member api.RolloutMember) error
	// Commands is the context of Replace; nil: one that never ends. It is not RunRollout's: when that one ends, the rollout is cancelled,
	// but what has been begun is better brought to its end.
	Commands context.Context

	// Show, when not nil, is told when the rollout has changed, and OnTrouble that the responder does not answer, and nil when it does
	// again. While they are at it, the responder does not hear of this client.
	Show      func(api.Rollout)
	OnTrouble func(error)
}

// RunRollout does the client's side of a rollout until it has ended: it tells the responder that it is there, replaces each member that is
// safe to replace, and reports how that went. When ctx ends it cancels the rollout, and waits for what Replace is doing. A responder that
// starts anew pauses the rollout; then RunRollout waits until somebody resumes it. The error is nil only if the rollout is done.
func (c *Client) RunRollout(ctx context.Context, run RolloutRun) (api.Rollout, error) {
	if run.Commands == nil {
		run.Commands = context.WithoutCancel(ctx)
	}
	r := &runner{
		c: c, run: run, ctx: ctx, turns: make(map[string]*turn), ended: make(chan turn),
		heard: time.Now(), beaten: time.Now(),
	}
	r.take(run.Rollout)
	stop := ctx.Done()
	ticker := time.NewTicker(c.pace.poll)
	defer ticker.Stop()
	for {
		r.advance()
		if over, err := r.over(); over {
			return r.last, err
		}
		select {
		case <-ticker.C:
			r.look()
		case t := <-r.ended:
			*r.turns[t.member.ID] = t
		case <-stop:
			stop = nil
		}
	}
}
