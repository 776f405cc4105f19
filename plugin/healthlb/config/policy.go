package config

import (
	"slices"
	"time"

	"example.org/healthlb/plugin/healthlb/policy"
)

var defaultPolicy = policy.Spec{Name: "round_robin", Bits4: defaultBits4, Bits6: defaultBits6}

// How much of a client's address counts, in bits, where no more is said: as much as resolvers are advised to pass on of it
// (RFC 7871 section 11.1), so that a client is the same one with and without its subnet in the query.
const (
	defaultBits4 = 24
	defaultBits6 = 56
)

// policyOptions has the options of each policy that takes any.
var policyOptions = map[string]table[policy.Spec]{
	"hash": {
		"bits4": {parse: func(a *args, s *policy.Spec) (err error) {
			s.Bits4, err = take(a, "N", numberIn(0, 32))
			return err
		}},
		"bits6": {parse: func(a *args, s *policy.Spec) (err error) {
			s.Bits6, err = take(a, "N", numberIn(0, 128))
			return err
		}},
		"key": {parse: func(a *args, s *policy.Spec) (err error) {
			s.ByName, err = take(a, "name", parseKey)
			return err
		}},
		"balance": {parse: func(a *args, s *policy.Spec) (err error) {
			s.Factor, err = take(a, "FACTOR", decimalIn(1, 100))
			return err
		}},
	},
	"least": {
		"report": {parse: func(a *args, s *policy.Spec) (err error) {
			s.Report, err = take(a, aDuration, durationIn(time.Second, time.Hour))
			return err
		}},
	},
}

// parseKey parses what a client's key is made of beside its address, and says whether that is the name it asks for.
func parseKey(s string) (byName bool, err error) {
	if s != "name" {
		return false, unknown(s, "as what a client is known by", []string{"name"})
	}
	return true, nil
}

// parsePolicy parses NAME [OPTIONS].
func parsePolicy(a *args) (policy.Spec, error) {
	name, err := take(a, "NAME", func(s string) (string, error) {
		if !slices.Contains(policy.Names, s) {
			return "", unknown(s, "as a policy", policy.Names)
		}
		return s, nil
	})
	s := policy.Spec{Name: name, Bits4: defaultBits4, Bits6: defaultBits6} // also for shard, and for failover while members fade in
	if err != nil || !a.more() {
		return s, err
	}
	options, ok := policyOptions[name]
	if !ok {
		a.next++
		return s, a.fail(fault{"is one word too many", "policy " + name + " has no options"})
	}
	return s, options.options(a, "in policy "+name, &s)
}

// maxShard is how many members a client may be confined to. Pools of which each client sees more than that have little of the
// separation that sharding is for.
const maxShard = 64

// parseShard parses K or off, which is 0.
func parseShard(s string) (int, error) {
	if s == off {
		return 0, nil
	}
	k, err := numberIn(1, maxShard)(s)
	if err != nil {
		err = fault{"is no number of members", "write a number from 1 to 64, or off"}
	}
	return k, err
}

// off is the word with which a pool takes back what its block says.
const off = "off"

// policySpec puts together what the lines policy and shard say.
func (s *settings) policySpec() policy.Spec {
	spec := s.policy.or(defaultPolicy)
	spec.Shard = s.shard.v
	return spec
}
