package api

import "time"

// Effect is what a change did, or with dry_run would do.
type Effect struct {
	Changed   bool            `json:"changed" doc:"false: all was so already"`
	DryRun    bool            `json:"dry_run"`
	ETag      string          `json:"etag,omitempty" doc:"of the block list after the change"`
	Pools     []FamilyEffect  `json:"pools" doc:"the families of pools whose eligible members change"`
	Addresses []AddressEffect `json:"addresses" doc:"the addresses that are no longer answered with"`
	Warnings  []string        `json:"warnings,omitempty" doc:"what may be a slip, but was done"`
}

// FamilyEffect is what a change does to one family of one pool.
type FamilyEffect struct {
	Pool           string `json:"pool"`
	Family         string `json:"family" enum:"A,AAAA"`
	MinUp          int    `json:"min_up"`
	EligibleBefore int    `json:"eligible_before"`
	EligibleAfter  int    `json:"eligible_after"`
	Refused        string `json:"refused,omitempty" doc:"why this needs force"`
}

// AddressEffect says when an address that is no longer answered with has run out of caches.
type AddressEffect struct {
	Pool      string    `json:"pool"`
	Address   string    `json:"address"`
	SafeAfter time.Time `json:"safe_after" doc:"without an answer since the start: one TTL from then, for a process before this one"`
}

// Block is an entry of the block list. Its key is the address, the pool and the owner together.
type Block struct {
	Address string `json:"address" doc:"an address, or a network in CIDR notation without host bits"`
	Pool    string `json:"pool,omitempty" doc:"missing: all pools"`
	For     string `json:"for,omitempty" doc:"how long from now, such as 15m; not together with until"`
	Until   string `json:"until,omitempty" doc:"when it ends, RFC 3339; missing, and no for: never"`
	Reason  string `json:"reason,omitempty"`
	Owner   string `json:"owner,omitempty"`
	Mode    string `json:"mode,omitempty" enum:"omit,no-register" doc:"omit: the address is in no answer; no-register: it may stay, but not register anew; missing: omit"`
}

// MemberSpec says what a member is. What is missing has the default that a member line of the Corefile has.
type MemberSpec struct {
	Addresses      []string `json:"addresses" minItems:"1" maxItems:"2" doc:"one IPv4 and/or one IPv6 address"`
	Weight         *int     `json:"weight,omitempty" minimum:"0" maximum:"65535"`
	Priority       int      `json:"priority,omitempty" minimum:"1" maximum:"65535"`
	Region         string   `json:"region,omitempty"`
	Port           int      `json:"port,omitempty" minimum:"1" maximum:"65535" doc:"instead of the port of the pool's only check"`
	ProbeAddresses []string `json:"probe_addresses,omitempty" maxItems:"2" doc:"probed instead of its addresses"`
}

// MemberChange is the answer to a change of a member.
type MemberChange struct {
	Effect
	Member *Member `json:"member,omitempty" doc:"as it is now; missing: it is gone, or the change was a dry run"`
}

// PoolSpec says what a pool made at run time is.
type PoolSpec struct {
	Lines []string `json:"lines" doc:"as in the pool's block of a Corefile, without member, members and what names files"`
}

// PoolChange is the answer to a change of a pool.
type PoolChange struct {
	Effect
	Pool *Pool `json:"pool,omitempty" doc:"as it is now; missing: it is gone, or the change was a dry run"`
}

// DrainSpec says how a member is to be drained.
type DrainSpec struct {
	Lead   bool   `json:"lead,omitempty" doc:"answer with it at the low TTL for one TTL of before, and only then no more"`
	Owner  string `json:"owner,omitempty" maxLength:"64" doc:"who gives the order; only he takes it back, or force"`
	Reason string `json:"reason,omitempty" maxLength:"256"`
}

// Drain is an order to take a member out.
type Drain struct {
	Since  time.Time `json:"since"`
	Owner  string    `json:"owner,omitempty"`
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty" doc:"who asked for it"`
	OutAt  time.Time `json:"out_at" doc:"when answers cease to name it: at once, or after the lead"`
	Out    bool      `json:"out" doc:"answers do not name it any more"`

	SafeAfter time.Time `json:"safe_after" doc:"when the last answer that may have named it has run out of caches; moves on while answers name it"`
	Safe      bool      `json:"safe" doc:"it can be stopped: no cache that keeps to TTL holds it"`
}

// DrainChange is the answer to a change of a drain.
type DrainChange struct {
	Effect
	Drain *Drain `json:"drain,omitempty" doc:"as it is now; missing: there is none, or the change was a dry run"`
}

// RegistrationSpec is what a server says of itself when it registers.
type RegistrationSpec struct {
	MemberSpec
	ID  string `json:"id,omitempty" doc:"missing: its first address"`
	TTL string `json:"ttl,omitempty" doc:"how long it stays without a word, 1s to 24h; missing: 30s"`
}

// Lease is for how long a member that registered itself stays.
type Lease struct {
	TTL   float64   `json:"ttl_seconds"`
	Until time.Time `json:"until" doc:"unless it is renewed before"`
}

// Registration is the answer to a server that registers itself, renews or leaves.
type Registration struct {
	Pool    string  `json:"pool"`
	ID      string  `json:"id"`
	Changed bool    `json:"changed" doc:"false: all was so already"`
	Secret  string  `json:"secret,omitempty" doc:"to be shown, in the header Registration-Secret, by whoever renews and leaves; told once"`
	Lease   *Lease  `json:"lease,omitempty" doc:"missing: it has left"`
	Served  bool    `json:"served" doc:"answers may name it now"`
	Why     string  `json:"why,omitempty" doc:"why it is not served"`
	Blocks  []Block `json:"blocks,omitempty" doc:"the orders that forbid its addresses"`

	SafeAfter *time.Time `json:"safe_after,omitempty" doc:"of one that has left: when the last answer that may have named it has run out of caches, and it can be stopped"`
}

// LoadReport is a member's report of how busy it is, as it was taken.
type LoadReport struct {
	Pool   string    `json:"pool"`
	Member string    `json:"member"`
	Load   float64   `json:"load"`
	Until  time.Time `json:"until" doc:"when it counts no longer, unless another one comes"`
}
