// Package admin is healthlb's HTTP endpoint. It knows HTTP, JSON and who may do what; what a call means is the backend's affair.
package admin

import (
	"context"
	"errors"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/event"
)

// Backend does what the endpoint is asked to do. It is safe for concurrent use. Pools are named by lower-case FQDNs. An error that is a
// *Problem or an *InterlockError is told to the caller as it is, as are ErrReadOnly and ErrPrecondition; any other is what the store
// says.
type Backend interface {
	// Pools returns the first pools behind a name, at most limit, in the order of their names, and whether there are more.
	Pools(after string, limit int) (pools []api.Pool, more bool)
	// Pool returns one pool, and false when there is none.
	Pool(name string) (api.Pool, bool)
	// PutPool makes a pool at run time, or gives it other lines.
	PutPool(name string, spec api.PoolSpec, o Order) (api.PoolChange, error)
	// DeletePool takes a pool away that was made at run time.
	DeletePool(name string, o Order) (api.PoolChange, error)

	// PutMember adds a member at run time, or makes it another one. With healthy it is probed first, and a member that fails is refused
	// with 422. It returns at the latest when ctx ends.
	PutMember(ctx context.Context, pool, id string, spec api.MemberSpec, healthy bool, o Order) (api.MemberChange, error)
	// DeleteMember takes a member away that came at run time.
	DeleteMember(pool, id string, o Order) (api.MemberChange, error)
	// Drain takes a member out of answers.
	Drain(pool, id string, spec api.DrainSpec, o Order) (api.DrainChange, error)
	// Undrain lets it back in. An owner's drain is ended by order of its owner, or by force.
	Undrain(pool, id, owner string, o Order) (api.DrainChange, error)

	// Register adds a member by its own word. A member that is registered already has to show its secret.
	Register(pool string, spec api.RegistrationSpec, secret string, o Order) (api.Registration, error)
	// Renew prolongs the lease of a registration.
	Renew(pool, id, secret string, o Order) (api.Registration, error)
	// Leave ends a registration.
	Leave(pool, id, secret string, o Order) (api.Registration, error)
	// ReportLoad takes a member's own word of how busy it is, 0 to MaxLoad.
	ReportLoad(pool, id string, load float64, by string) (api.LoadReport, error)

	// Blocklist returns the entries in the order of their keys, and the list's ETag, quotes included.
	Blocklist() ([]block.Entry, string)
	// ChangeBlocklist carries out one change, or tells its effect only.
	ChangeBlocklist(BlockChange) (api.Effect, error)

	// Rollout returns a pool's rolling replacement, the last one when none is under way.
	Rollout(pool string) (api.Rollout, error)
	// StartRollout begins one, or with DryRun only says whether it could begin.
	StartRollout(pool string, spec api.RolloutSpec, o Order) (api.Rollout, error)
	// SteerRollout pauses, resumes or cancels it.
	SteerRollout(pool string, s Steering, o Order) (api.Rollout, error)
	// ReportRollout takes in what the client that runs it says.
	ReportRollout(pool string, r api.RolloutReport, o Order) (api.Rollout, error)

	// Events is the history of what happened, which goes on.
	Events() *event.Log

	// Probe has a pool's members probed at once, or with an id one of them, and tells what came of it. It returns at the latest when ctx
	// ends. It changes nothing.
	Probe(ctx context.Context, pool, id string) (api.Probes, error)

	// Explain tells what a client would be answered now, and why.
	Explain(ExplainQuery) (api.Explanation, error)
}

// Order is what all changes have in common.
type Order struct {
	DryRun bool   // tell the effect only
	Force  bool   // do it even when it takes a pool below min_up, or when it is another owner's
	By     string // who asks, for the log and the event
}

// Steering is what can be done with a rollout under way.
type Steering string

// What can be done with a rollout.
const (
	Pause  Steering = "pause"
	Resume Steering = "resume"
	Cancel Steering = "cancel"
)

// BlockOp is the kind of a change of the block list.
type BlockOp uint8

// The changes of the block list.
const (
	BlockReplace BlockOp = iota // the list becomes Entries
	BlockAdd                    // Entries are added, each in the place of the one with its key
	BlockRemove                 // the entries with Remove's prefix and pool go; see BlockChange.ByOwner
)

// BlockChange is one change of the block list.
type BlockChange struct {
	Op      BlockOp
	Entries []block.Entry
	Remove  block.Entry // only Prefix and Pool count, and Owner with ByOwner
	ByOwner bool        // of BlockRemove: Remove.Owner's and nobody's entries go; somebody else's are an error, but go by Force
	IfMatch []string    // when not nil, one of these ETags must be the list's ("*": any)
	Order
}

// The errors of a change that its caller can mend.
var (
	ErrReadOnly     = errors.New("the healthlb block says no state directory, so nothing can be changed here: add a line `state DIR`")
	ErrPrecondition = errors.New("the block list has changed since: read it again")
)

// InterlockError says that a change would leave a pool with too few members, and was not made.
type InterlockError struct {
	Effect api.Effect
}

// Error names the first pool and family that would be left with too few.
func (e *InterlockError) Error() string {
	for _, p := range e.Effect.Pools {
		if p.Refused != "" {
			return "pool " + p.Pool + " (" + p.Family + "): " + p.Refused + "; add ?force=1 to do it all the same"
		}
	}
	return "the change would leave a pool with too few members; add ?force=1 to do it all the same"
}
