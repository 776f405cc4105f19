// Package api is what the admin endpoint and its clients say to each other, as Go types: the bodies of requests and answers. It has no
// code and imports nothing of the project, so that a server that registers itself carries no name server along.
//
// Times are RFC 3339 in UTC. Durations that a caller says are texts with a unit (90s, 15m); those that are told are numbers of seconds.
// Pools are lower-case FQDNs with the trailing dot where they are told; callers may leave the dot out.
package api

import "time"

// Pool is a pool as it is now.
type Pool struct {
	Name     string   `json:"name"`
	Zone     string   `json:"zone"`
	Source   string   `json:"source" enum:"corefile,api" doc:"who made the pool: the Corefile, or a call"`
	Dynamic  bool     `json:"dynamic" doc:"members can be added, and register themselves, at run time"`
	Status   string   `json:"status" enum:"full,degraded,down,empty" doc:"full: all addresses are eligible; down: some family has fewer than min_up; empty: there is no member; degraded: all else"`
	Reason   string   `json:"reason,omitempty" doc:"why the pool is not full, in a line"`
	Policy   string   `json:"policy"`
	FadeIn   float64  `json:"fade_in_seconds,omitempty" doc:"how long an address takes to its whole share after coming up; missing: no time"`
	Shard    int      `json:"shard,omitempty" doc:"how many members a client is kept to; missing: all"`
	Prefer   string   `json:"prefer,omitempty" doc:"which members are answered with before others, as the Corefile says it"`
	Answers  int      `json:"answers" doc:"how many members an answer names at most; 0: all"`
	TTL      uint32   `json:"ttl" doc:"in seconds"`
	LowTTL   uint32   `json:"ttl_low" doc:"in seconds; of answers that name somebody in doubt, fading in or about to be drained"`
	Budget   float64  `json:"failover_budget_seconds" doc:"the worst case from a member's death to the end of its use"`
	Isolated bool     `json:"isolated,omitempty" doc:"the responder takes itself to be cut off: members are answered with as before that"`
	Stale    int      `json:"stale,omitempty" doc:"how many of its checks are stale: no news of them for longer than an interval too long"`
	Families []Family `json:"families"`
	Members  []Member `json:"members"`
}

// Family is one family of a pool.
type Family struct {
	Family   string `json:"family" enum:"A,AAAA"`
	Members  int    `json:"members"`
	Eligible int    `json:"eligible"`
	MinUp    int    `json:"min_up"`
	AllDown  bool   `json:"all_down" doc:"fewer than min_up are eligible"`
}

// Member is one member of a pool.
type Member struct {
	ID        string    `json:"id"`
	Source    string    `json:"source" enum:"corefile,file,api,registration" doc:"who added the member: the Corefile, a members file, a call, or itself"`
	Region    string    `json:"region,omitempty"`
	Weight    int       `json:"weight"`
	Priority  int       `json:"priority,omitempty"`
	Drain     *Drain    `json:"drain,omitempty" doc:"the order that takes it out; missing: there is none"`
	Lease     *Lease    `json:"lease,omitempty" doc:"of a member that registered itself"`
	Addresses []Address `json:"addresses"`
}

// Address is a member in one family.
type Address struct {
	Address  string    `json:"address"`
	Family   string    `json:"family" enum:"A,AAAA"`
	State    string    `json:"state" enum:"up,suspect,lame,down,unknown"`
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason,omitempty" doc:"what the last probe that did not pass said"`
	Eligible bool      `json:"eligible"`
	Block    *Block    `json:"block,omitempty" doc:"the order that forbids it or, in mode no-register, to register anew"`

	HeldUntil *time.Time `json:"held_until,omitempty" doc:"it flaps, and is held down at least until then although it passes its checks"`
	Excused   bool       `json:"excused,omitempty" doc:"it is down only by a hold-down, or by a certificate that has run out: it is eligible when fewer than min_up others are"`
	Weight    *int       `json:"weight_percent,omitempty" doc:"how much of its weight its agent asks for; missing: it says nothing of it"`

	Checks []Check `json:"checks"`

	Fade            float64 `json:"fade" doc:"how much of its share it has that fades in: 1 is the whole"`
	ShareConfigured float64 `json:"share_configured" doc:"of the names in the family's answers, as configuration and health have it now: 0 to 1"`
	ShareServed     float64 `json:"share_served" doc:"the same, as it was in the last five minutes"`
	Answers         uint64  `json:"answers" doc:"those that named it since the start"`
	Load            *Load   `json:"load,omitempty" doc:"missing: the pool's policy does not ask for it"`

	LastAnswered *time.Time `json:"last_answered" doc:"null: never since the start"`
	SafeAfter    time.Time  `json:"safe_after" doc:"when the last answer that may have named it has run out of caches"`
}

// Load is how busy an address is taken to be.
type Load struct {
	Leases   float64  `json:"leases" doc:"the answers with it that caches still hold, as far as the pool counts them"`
	Reported *float64 `json:"reported,omitempty" doc:"what the member itself said last, while that counts"`
}

// Check is one check of an address.
type Check struct {
	Check     string     `json:"check"`
	State     string     `json:"state" enum:"up,suspect,lame,down,unknown"`
	Failures  int        `json:"failures" doc:"in a row"`
	LastProbe *time.Time `json:"last_probe"`
	NextProbe *time.Time `json:"next_probe" doc:"null: one is under way"`
	Took      float64    `json:"took_seconds"`
	Reason    string     `json:"reason,omitempty"`
	Stale     bool       `json:"stale,omitempty" doc:"no news for longer than an interval too long: the state may be old"`
	Tripwire  string     `json:"tripwire,omitempty" enum:"held,waiting,none" doc:"the idle connection: held; to be made again after a while or a pass; or none, as there are too few descriptors. Missing: the pool asks for none"`

	CertExpires *time.Time `json:"cert_expires,omitempty" doc:"when the certificate runs out that the member showed last"`
	CertWarning bool       `json:"cert_warning,omitempty" doc:"that is nearer than the check's expiry"`
}

// Probes are the answer to a call that had a pool's members probed at once. They change nothing.
type Probes struct {
	Pool   string  `json:"pool"`
	Passed bool    `json:"passed" doc:"all of them passed"`
	Probes []Probe `json:"probes" doc:"for each member, family and check one"`
}

// Probe is what one probe found, with its steps.
type Probe struct {
	Member   string      `json:"member"`
	Family   string      `json:"family" enum:"A,AAAA"`
	Address  string      `json:"address" doc:"where it went, with the port where there is one"`
	Check    string      `json:"check"`
	Result   string      `json:"result" enum:"pass,fail,lame,inconclusive"`
	Reason   string      `json:"reason,omitempty" doc:"why it did not pass"`
	Took     float64     `json:"took_seconds"`
	Steps    []ProbeStep `json:"steps"`
	Weight   *int        `json:"weight_percent,omitempty" doc:"how much of its weight the agent asks for"`
	NotAfter *time.Time  `json:"cert_expires,omitempty" doc:"when the member's certificate runs out"`
}

// ProbeStep is something that a probe has done.
type ProbeStep struct {
	Step   string  `json:"step"`
	Took   float64 `json:"took_seconds" doc:"since the step before it"`
	Detail string  `json:"detail,omitempty"`
}

// Problem is an error: a problem document of RFC 9457.
type Problem struct {
	Type   string  `json:"type" doc:"about:blank: the status says it all (RFC 9457 section 4.2.1)"`
	Title  string  `json:"title" doc:"the status in words"`
	Status int     `json:"status" doc:"as in the answer's first line"`
	Detail string  `json:"detail"`
	Effect *Effect `json:"effect,omitempty" doc:"what a change refused for its effect would do"`
}
