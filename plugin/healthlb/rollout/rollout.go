// Package rollout decides what a rolling replacement does next. It is pure: no I/O, no clock, no locks.
//
// A member goes from waiting over draining, safe, replacing and returning to done. What the responder has to do on the way is told as
// orders to drain and to let back in; the command itself is run by a client, which reports its start and its end. The machine goes by
// what a View shows and not by what it ordered before: what should be so and is not is ordered again.
package rollout

import "time"

// The bounds of a rollout.
const (
	Lease      = 30 * time.Second // for so long its client may be silent
	MaxMembers = 10_000           // what the store keeps in one record, and Next looks through on each tick

	DefaultTimeout = 30 * time.Minute
	MinTimeout     = time.Second
	MaxTimeout     = 24 * time.Hour
)

// Spec says how the members of a pool are to be replaced.
type Spec struct {
	Region      string        `json:"region,omitempty"`       // only the members of this region; empty: all
	Canary      int           `json:"canary,omitempty"`       // so many first ones go one at a time, and a failure among them ends all
	Parallel    int           `json:"parallel"`               // how many are under way at once after the canaries; Start makes 0 a 1
	MaxFailures int           `json:"max_failures,omitempty"` // how many may fail before all ends
	Timeout     time.Duration `json:"timeout"`                // of one member, in nanoseconds; Start makes 0 the default
	Owner       string        `json:"owner,omitempty"`
	By          string        `json:"by,omitempty"`      // who started it
	Command     string        `json:"command,omitempty"` // for those who look
}

// Step is how far a member is.
type Step string

// The steps of a member, in their order.
const (
	StepWaiting   Step = "waiting"   // for its turn
	StepDraining  Step = "draining"  // its drain is ordered
	StepSafe      Step = "safe"      // no cache holds it any more: the client is to run its command
	StepReplacing Step = "replacing" // the client runs its command
	StepReturning Step = "returning" // the command has ended well, and the pool is not whole again
	StepDone      Step = "done"
	StepFailed    Step = "failed"   // its command failed, or it took too long
	StepReleased  Step = "released" // its turn never came to the command
)

// underWay tells whether it is a member's turn.
func (s Step) underWay() bool {
	return s == StepDraining || s == StepSafe || s == StepReplacing || s == StepReturning
}

// over tells whether nothing more comes of a member.
func (s Step) over() bool { return s == StepDone || s == StepFailed || s == StepReleased }

// Status is how a rollout is.
type Status string

// The statuses of a rollout. The last four are its ends.
const (
	StatusRunning   Status = "running"
	StatusPaused    Status = "paused" // nothing begins; what is under way goes on
	StatusDone      Status = "done"
	StatusFailed    Status = "failed" // too many members failed, or the next one could not begin
	StatusCancelled Status = "cancelled"
	StatusAbandoned Status = "abandoned" // its client is gone
)

// Member is how far one member is. Times that have not come are zero.
type Member struct {
	ID        string    `json:"id"`
	Addresses []string  `json:"addresses,omitempty"`
	Step      Step      `json:"step"`
	Since     time.Time `json:"since"`             // of the step
	Begun     time.Time `json:"begun,omitzero"`    // when its turn began, for the timeout: moved on by the length of each pause
	Started   time.Time `json:"started,omitzero"`  // when its command began
	Done      time.Time `json:"done,omitzero"`     // when its command ended, well or not
	Drained   bool      `json:"drained,omitempty"` // this rollout's drain is ordered, and not known to be gone
	Error     string    `json:"error,omitempty"`   // why it failed or was released, or what its turn waits for
}

// Rollout is a rolling replacement, as the store keeps it. It is an immutable value: methods return another one.
type Rollout struct {
	ID   string `json:"id"`
	Pool string `json:"pool"`
	Spec
	Status  Status    `json:"status"`
	Reason  string    `json:"reason,omitempty"` // why it is paused, or how it ended
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	Paused  time.Time `json:"paused,omitzero"`  // since when the clocks of its members stand still
	Resumed time.Time `json:"resumed,omitzero"` // when they went on last
	NoRoom  time.Time `json:"no_room,omitzero"` // when the pool could not spare one more last
	Lease   time.Time `json:"lease,omitzero"`   // when its client counts as gone; zero: no client is needed any more
	Count   int       `json:"count"`            // members of the pool, or of the region, at the start
	Members []Member  `json:"members"`          // in the order of their turns
}

// Active tells whether it is running or paused: a pool has at most one such rollout.
func (r Rollout) Active() bool { return r.Status == StatusRunning || r.Status == StatusPaused }

// Open tells whether Next has still something to do: it is active, or has ended and some command still runs, or some drain is to be
// taken back. Another rollout of the pool that takes the place of one that is open leaves these drains to nobody.
func (r Rollout) Open() bool {
	if r.Active() {
		return true
	}
	for _, m := range r.Members {
		if m.Step == StepReplacing || m.Step == StepReturning || m.Drained && m.free() {
			return true
		}
	}
	return false
}

// free tells whether a member has no more use for its drain: its turn is over, and it is known in what state it is. That is not known
// of one that failed after its command had begun.
func (m Member) free() bool {
	return m.Step == StepReleased || m.Step == StepDone || m.Step == StepFailed && m.Started.IsZero()
}

// Orders is what is to be done now, by ids of members. An order that was given before comes again until the view shows it carried out.
// A member that has left the pool may be among those to be let back in: then the drain that the store may still hold is to go.
type Orders struct {
	Drain   []string
	Undrain []string
}
