package policy

import (
	"math"

	"github.com/cespare/xxhash/v2"
)

// identities returns the places of members in hashes.
func identities(ms []Member) []identity {
	ids := make([]identity, len(ms))
	for i, m := range ms {
		ids[i] = identity(xxhash.Sum64String(m.ID))
	}
	return ids
}

// identitiesOf returns the places of candidates, out of those of the members.
func identitiesOf(members []identity, cs []Candidate) []identity {
	ids := make([]identity, len(cs))
	for i, c := range cs {
		ids[i] = members[c.Member]
	}
	return ids
}

// joined says whether a client already goes to a member that fades in: fade is how much of its clients do. A client that goes to it at
// one fade does so at every larger one.
func (m identity) joined(key uint64, fade float64) bool {
	return float64(mix(key^uint64(m))) < fade*math.MaxUint64
}

// golden is the fraction of the golden section, an odd number without pattern.
const golden = 0x9e3779b97f4a7c15

// mix makes a hash of 64 bits of which every bit depends on every bit of x (the finisher of SplitMix64: Steele, Lea and Flood, Fast
// Splittable Pseudorandom Number Generators, 2014).
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// WithName returns a key that depends on the name that was asked for, too.
func WithName(key uint64, name string) uint64 { return mix(key ^ xxhash.Sum64String(name)) }
