package client

import (
	"context"
	"net/http"

	"example.org/healthlb/api"
)

// Steering is what can be done with a rollout under way.
type Steering string

// What SteerRollout can do.
const (
	PauseRollout  Steering = "pause"
	ResumeRollout Steering = "resume"
	CancelRollout Steering = "cancel"
)

// The status of a rollout.
const (
	RolloutRunning   = "running"
	RolloutPaused    = "paused"
	RolloutDone      = "done"
	RolloutFailed    = "failed"
	RolloutCancelled = "cancelled"
	RolloutAbandoned = "abandoned"
)

// Rollout returns the rollout of a pool, the last one when none is under way.
func (c *Client) Rollout(ctx context.Context, pool string) (api.Rollout, error) {
	return ask[api.Rollout](ctx, c, call{method: http.MethodGet, path: pathOf("pools", pool, "rollout"), most: maxList})
}

// StartRollout begins one; with Options.DryRun it only says whether it could begin. RunRollout does the rest.
func (c *Client) StartRollout(ctx context.Context, pool string, spec api.RolloutSpec, o Options) (api.Rollout, error) {
	return ask[api.Rollout](ctx, c, o.change(http.MethodPut, pathOf("pools", pool, "rollout"), spec))
}

// SteerRollout pauses, resumes or cancels the rollout of a pool.
func (c *Client) SteerRollout(ctx context.Context, pool string, s Steering) (api.Rollout, error) {
	return ask[api.Rollout](ctx, c, call{method: http.MethodPost, path: pathOf("pools", pool, "rollout", string(s)), most: maxList})
}

// ReportRollout tells the responder how the rollout of a pool goes.
func (c *Client) ReportRollout(ctx context.Context, pool string, r api.RolloutReport) (api.Rollout, error) {
	return ask[api.Rollout](ctx, c, call{method: http.MethodPost, path: pathOf("pools", pool, "rollout", "report"), send: r, most: maxList})
}
