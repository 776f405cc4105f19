package api

import "time"

// RolloutSpec says how the members of a pool are to be replaced, one after the other.
type RolloutSpec struct {
	Region      string `json:"region,omitempty" doc:"only the members of this region; missing: all"`
	Canary      int    `json:"canary,omitempty" minimum:"0" doc:"so many first ones are replaced one at a time, and a failure among them stops all"`
	Parallel    int    `json:"parallel,omitempty" minimum:"0" doc:"how many are under way at once, after the canaries; missing: 1"`
	MaxFailures int    `json:"max_failures,omitempty" minimum:"0" doc:"how many may fail before all stops"`
	Timeout     string `json:"timeout,omitempty" doc:"for one member, from the drain to the pool being whole again, 1s to 24h; missing: 30m"`
	Owner       string `json:"owner,omitempty" maxLength:"64"`
	Command     string `json:"command,omitempty" maxLength:"4096" doc:"what the client runs, for those who look; the responder runs nothing"`
}

// Rollout is a rolling replacement.
type Rollout struct {
	ID          string          `json:"id" doc:"names this one in reports"`
	Pool        string          `json:"pool"`
	Owner       string          `json:"owner,omitempty"`
	By          string          `json:"by,omitempty" doc:"who started it"`
	Region      string          `json:"region,omitempty"`
	Canary      int             `json:"canary"`
	Parallel    int             `json:"parallel"`
	MaxFailures int             `json:"max_failures"`
	Timeout     float64         `json:"timeout_seconds"`
	Command     string          `json:"command,omitempty"`
	Status      string          `json:"status" enum:"running,paused,done,failed,cancelled,abandoned" doc:"abandoned: its client is gone"`
	Reason      string          `json:"reason,omitempty" doc:"what it waits for, why it is paused, or how it ended"`
	Started     time.Time       `json:"started"`
	Ended       *time.Time      `json:"ended,omitempty"`
	Lease       *time.Time      `json:"lease,omitempty" doc:"when it is abandoned unless its client reports before; missing: it has ended"`
	Members     []RolloutMember `json:"members" doc:"in the order of their turns"`
}

// RolloutMember is how far one member is.
type RolloutMember struct {
	ID        string     `json:"id"`
	Addresses []string   `json:"addresses"`
	Step      string     `json:"step" enum:"waiting,draining,safe,replacing,returning,done,failed,released" doc:"safe: the client is to run its command now; replacing: it runs; returning: it has ended well, and the pool is not whole again; released: its turn never came to the command"`
	Since     time.Time  `json:"since"`
	SafeAfter *time.Time `json:"safe_after,omitempty" doc:"while draining: when it is safe to stop it"`
	Error     string     `json:"error,omitempty"`
}

// RolloutReport is what the client that runs a rollout tells. It reports at least every third of ReportEvery's lease; without a member it
// only says that it is there.
type RolloutReport struct {
	Rollout string `json:"rollout" doc:"its id"`
	Member  string `json:"member,omitempty"`
	Result  string `json:"result,omitempty" enum:"started,done,failed" doc:"of the command"`
	Error   string `json:"error,omitempty" maxLength:"1024"`
}
