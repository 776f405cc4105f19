// Package admin is healthlb's HTTP endpoint. It knows HTTP, JSON and who may do what; what a call means is the backend's affair.
package admin

import (
	"errors"
	"time"

	"example.org/healthlb/plugin/healthlb/block"
)

// Backend does what the endpoint is asked to do. It is safe for concurrent use.
type Backend interface {
	// Pools returns the pools in the order of their names.
	Pools() []PoolStatus
	// Pool returns one pool by its name, a lower-case FQDN, and false when there is none.
	Pool(name string) (PoolStatus, bool)
	// Blocklist returns the entries in the order of their keys, and the list's ETag, quotes included.
	Blocklist() ([]block.Entry, string)
	// ChangeBlocklist carries out one change, or tells its effect only. Errors: ErrReadOnly, ErrPrecondition, *InterlockError, and what
	// the store says.
	ChangeBlocklist(BlockChange) (BlockEffect, error)
	// ReportLoad takes a member's own word of how busy it is, 0 to MaxLoad. The pool's name is a lower-case FQDN; by says who asks, for
	// the log. Errors: *Problem, when there is no such pool or member, or the pool's policy takes no reports.
	ReportLoad(pool, id string, load float64, by string) (LoadReport, error)
	// Explain tells what a client would be answered now, and why. Errors: *Problem, when there is no such pool or member.
	Explain(ExplainQuery) (Explanation, error)
}

// BlockOp is the kind of a change of the block list.
type BlockOp uint8

// The changes of the block list.
const (
	BlockReplace BlockOp = iota // the list becomes Entries
	BlockAdd                    // Entries are added, each in the place of the one with its key
	BlockRemove                 // the entries with Remove's prefix and pool go, whatever their owner
)

// BlockChange is one change of the block list.
type BlockChange struct {
	Op      BlockOp
	Entries []block.Entry
	Remove  block.Entry // only Prefix and Pool count
	IfMatch []string    // when not nil, one of these ETags must be the list's ("*": any)
	DryRun  bool        // tell the effect only
	Force   bool        // do it even when it takes a pool below min_up
	By      string      // who asks, for the log
}

// The errors of a change that its caller can mend.
var (
	ErrReadOnly     = errors.New("the healthlb block says no state directory, so nothing can be changed here: add a line `state DIR`")
	ErrPrecondition = errors.New("the block list has changed since: read it again")
)

// InterlockError says that a change would leave a pool with too few members, and was not made.
type InterlockError struct {
	Effect BlockEffect
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

// BlockEffect is what a change of the block list did, or with DryRun would do.
type BlockEffect struct {
	Changed   bool            `json:"changed"`
	DryRun    bool            `json:"dry_run"`
	ETag      string          `json:"etag,omitempty"`     // of the list after the change
	Pools     []PoolEffect    `json:"pools"`              // the families of pools whose eligible members change
	Addresses []AddressEffect `json:"addresses"`          // the addresses that are no longer answered with
	Warnings  []string        `json:"warnings,omitempty"` // what may be a slip, but was done
}

// PoolEffect is what a change does to one family of one pool.
type PoolEffect struct {
	Pool           string `json:"pool"`
	Family         string `json:"family"` // A or AAAA
	MinUp          int    `json:"min_up"`
	EligibleBefore int    `json:"eligible_before"`
	EligibleAfter  int    `json:"eligible_after"`
	Refused        string `json:"refused,omitempty"` // why this needs force
}

// AddressEffect says when an address that is no longer answered with has run out of caches.
type AddressEffect struct {
	Pool      string    `json:"pool"`
	Address   string    `json:"address"`
	SafeAfter time.Time `json:"safe_after"` // without an answer since the start: one TTL from then, for a process before this one
}

// PoolStatus is a pool as the API shows it.
type PoolStatus struct {
	Name     string         `json:"name"`
	Zone     string         `json:"zone"`
	Status   string         `json:"status"` // full, degraded or down; see the manual
	Policy   string         `json:"policy"`
	FadeIn   float64        `json:"fade_in_seconds,omitempty"` // how long an address takes to its whole share after coming up; 0: no time
	Shard    int            `json:"shard,omitempty"`           // how many members a client is kept to; 0: all
	Prefer   string         `json:"prefer,omitempty"`          // which members are answered with before others, as the Corefile says it
	Answers  int            `json:"answers"`                   // 0: all
	TTL      uint32         `json:"ttl"`                       // seconds
	LowTTL   uint32         `json:"ttl_low"`                   // seconds
	Families []FamilyStatus `json:"families"`
	Members  []MemberStatus `json:"members"`
}

// FamilyStatus is one family of a pool.
type FamilyStatus struct {
	Family   string `json:"family"` // A or AAAA
	Members  int    `json:"members"`
	Eligible int    `json:"eligible"`
	MinUp    int    `json:"min_up"`
	AllDown  bool   `json:"all_down"` // fewer than min_up are eligible
}

// MemberStatus is one member of a pool.
type MemberStatus struct {
	ID        string          `json:"id"`
	Region    string          `json:"region,omitempty"`
	Weight    int             `json:"weight"`
	Priority  int             `json:"priority,omitempty"`
	Addresses []AddressStatus `json:"addresses"`
}

// AddressStatus is a member in one family.
type AddressStatus struct {
	Address  string        `json:"address"`
	Family   string        `json:"family"` // A or AAAA
	State    string        `json:"state"`  // up, suspect, lame, down or unknown
	Since    time.Time     `json:"since"`
	Reason   string        `json:"reason,omitempty"` // what the last probe that did not pass said
	Eligible bool          `json:"eligible"`
	Block    *block.Entry  `json:"block,omitempty"` // the order that forbids it
	Checks   []CheckStatus `json:"checks"`

	Fade            float64     `json:"fade"`             // how much of its share it has that fades in: 1 is the whole
	ShareConfigured float64     `json:"share_configured"` // of the names in the family's answers, as configuration and health have it now: 0 to 1
	ShareServed     float64     `json:"share_served"`     // the same, as it was in the last five minutes
	Answers         uint64      `json:"answers"`          // those that named it since the start
	Load            *LoadStatus `json:"load,omitempty"`   // missing: the pool's policy does not ask for it

	LastAnswered *time.Time `json:"last_answered"` // null: never since the start
	SafeAfter    time.Time  `json:"safe_after"`    // when the last answer that may have named it has run out of caches
}

// LoadStatus is how busy an address is taken to be.
type LoadStatus struct {
	Leases   float64  `json:"leases"`             // the answers with it that caches still hold, as far as the pool counts them
	Reported *float64 `json:"reported,omitempty"` // what the member itself said last, while that counts
}

// CheckStatus is one check of an address.
type CheckStatus struct {
	Check     string     `json:"check"`
	State     string     `json:"state"`
	Failures  int        `json:"failures"` // in a row
	LastProbe *time.Time `json:"last_probe"`
	Took      float64    `json:"took_seconds"`
	Reason    string     `json:"reason,omitempty"`
}
