// Package policy picks which of the eligible members one answer names. Policies know members by their index only; they are pure, with
// randomness passed in, and what can be computed on a change is computed on a change.
package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// Spec is a policy as the Corefile says it. It is comparable: equal specs pick alike.
type Spec struct {
	Name string // round_robin, random or hash
}

// constructors has an entry for each policy there is.
var constructors = map[string]func(Spec) Policy{
	"round_robin": func(Spec) Policy { return roundRobin{} },
	"random":      func(Spec) Policy { return random{} },
	"hash":        func(Spec) Policy { return &hash{} },
}

// Names are the policies that there are, in alphabetical order.
var Names = slices.Sorted(maps.Keys(constructors))

// New returns the policy of a spec, or an error that says which there are.
func New(s Spec) (Policy, error) {
	construct, ok := constructors[s.Name]
	if !ok {
		return nil, fmt.Errorf("policy %q is not known: use one of %s", s.Name, strings.Join(Names, ", "))
	}
	return construct(s), nil
}

// PerClient says whether a policy looks at who asks, so that its answers differ from client to client.
func (s Spec) PerClient() bool { return s.Name == "hash" }

// Policy is told of the members when they change, and makes a Picker each time it is told which of them are eligible. Its methods are
// not called concurrently.
type Policy interface {
	// Members tells the ids of all members of the pool, eligible or not.
	Members(ids []string)

	// Clone returns a policy that knows the same members, without making anew what it made of them.
	Clone() Policy

	// Picker picks among the eligible members, given as ascending indices into the ids of Members; there is at least one.
	Picker(eligible []int32) Picker
}

// Picker picks for one query after the other. It is immutable and safe for concurrent use.
type Picker interface {
	// Pick names k of the n eligible members, 1 <= k <= n, by their positions in the list the Picker was made with: either a run of k
	// positions from start on, cyclic, with list nil, or the positions in list.
	Pick(q Query, k int) (start int, list []int32)
}

// Query is what a policy may know of one query.
type Query struct {
	Key  uint64                    // a hash of who asks; only when the policy's Spec says PerClient
	Turn *atomic.Uint64            // counts the queries of this pool and family, shared by all pickers that follow each other
	Rand func(n uint64) (x uint64) // uniform in [0, n)
}
