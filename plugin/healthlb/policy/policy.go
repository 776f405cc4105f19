// Package policy picks which of the eligible members one answer names. Policies know members by their index only; they are pure, with
// randomness passed in, and what can be computed on a change is computed on a change.
package policy

// Spec is a policy as the Corefile says it. It is comparable: equal specs pick alike.
type Spec struct {
	Name string // round_robin, random or hash
}

// Names are the policies that there are.
var Names = []string{"round_robin", "random", "hash"}
