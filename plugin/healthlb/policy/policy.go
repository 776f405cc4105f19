// Package policy picks which of the eligible members one answer names. Policies know members by their index only; they are pure, with
// randomness and time passed in, and what can be computed on a change is computed on a change.
package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Spec is a policy as the Corefile says it. It is comparable: equal specs pick alike.
type Spec struct {
	Name string // round_robin, random, weighted, hash, least or failover

	Bits4  int           // hash and Shard: how many leading bits of an IPv4 client's address count, 0..32
	Bits6  int           // the same of an IPv6 client's, 0..128
	ByName bool          // hash: the name that was asked for counts beside the client
	Factor float64       // hash: a member's leases are kept to this times its fair share, at least 1; 0: not kept
	Report time.Duration // least: how long what a member reports of its load counts; 0: reports are not taken

	Shard int // how many of the members each client sees; 0: all
}

// Names that mean something to others, too.
const (
	Failover = "failover" // each member is a tier of its own
	Least    = "least"    // members may report their load
)

// constructors has an entry for each policy there is.
var constructors = map[string]func(Spec) Policy{
	"round_robin": func(Spec) Policy { return roundRobin{} },
	"random":      func(Spec) Policy { return random{} },
	"weighted":    func(Spec) Policy { return &weighted{} },
	Failover:      func(Spec) Policy { return &failover{} },
	"hash":        func(s Spec) Policy { return &hash{factor: s.Factor, shard: min(s.Shard, MaxShard)} },
	"least":       func(s Spec) Policy { return &least{reports: s.Report > 0} },
}

// Names are the policies that there are, in alphabetical order.
var Names = slices.Sorted(maps.Keys(constructors))

// New returns the policy of a spec, or an error that says which there are.
func New(s Spec) (Policy, error) {
	construct, ok := constructors[s.Name]
	if !ok {
		return nil, fmt.Errorf("policy %q is not known: use one of %s", s.Name, strings.Join(Names, ", "))
	}
	p := construct(s)
	if choose, ok := choices[s.Name]; ok && s.Shard > 0 {
		return &sharding{Policy: p, choose: choose(s), size: min(s.Shard, MaxShard)}, nil
	}
	return p, nil
}

// Member is what a policy knows of a member whatever its health.
type Member struct {
	ID     string
	Weight int // 0..65535; those of 0 are picked only among themselves, and then alike
}

// Candidate is a member that may be picked.
type Candidate struct {
	Member int32   // index into what Members was told
	Fade   float64 // how much of its share it has by now, above 0; the largest among the candidates is 1
	Load   *Load   // nil unless the policy's Spec says Leases
}

// Sharder is a Picker that keeps each client to a few candidates.
type Sharder interface {
	// Shard appends the positions of those that the client with a key sees to buf.
	Shard(key uint64, buf []int32) []int32
}

// Policy is told of the members when they change, and makes a Picker each time it is told which of them are eligible. Its methods are
// not called concurrently.
type Policy interface {
	// Members tells all members that may ever be eligible here.
	Members([]Member)

	// Clone returns a policy that knows the same members, without making anew what it made of them.
	Clone() Policy

	// Picker picks at most k of the candidates, of which there is at least one, for each query. They are in ascending order.
	Picker(cs []Candidate, k int) Picker
}

// Picker picks for one query after the other. It is immutable but for the leases of Loads, and safe for concurrent use.
type Picker interface {
	// Pick names candidates for one query by their positions in the list the Picker was made with: with list nil a run of k positions
	// from start on, cyclic, else those in list, which was appended to buf: at least one, at most k, none twice.
	Pick(q Query, buf []int32) (start int, list []int32)

	// Room is the capacity that buf should have; 0 when Pick names runs only.
	Room() int

	// PerClient says whether what Pick names depends on the Key of the query.
	PerClient() bool
}

// Query is what a policy may know of one query.
type Query struct {
	Key  uint64                    // a hash of who asks; only where the Picker is PerClient
	Turn *atomic.Uint64            // counts the queries, shared by all pickers that follow each other
	Rand func(n uint64) (x uint64) // uniform in [0, n)
	Now  int64                     // seconds since 1970; only where the Spec says Leases
	Dry  bool                      // look only: no lease is taken
}

// Leases says whether the policy looks at how many answers that may be in caches name each member: answer leases.
func (s Spec) Leases() bool { return s.Name == "least" || s.Factor > 0 }

// Weighs says whether the weights of the members make a difference beyond that of 0 and others.
func (s Spec) Weighs() bool { return s.Name == "weighted" || s.Name == "hash" || s.Name == "least" }
