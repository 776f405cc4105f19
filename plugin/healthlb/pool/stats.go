package pool

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Stats counts what a pool answered. It outlives the pool over reloads. What queries write lies in one cache line (64 bytes on amd64 and
// most of arm64).
type Stats struct {
	Answers        atomic.Uint64 // replies to queries for an address of the pool
	AllDownAnswers atomic.Uint64 // those of them given because too few members were eligible
	FileErrors     atomic.Uint64 // members files that were not taken over

	turns [Families]atomic.Uint64 // count queries; see policy.Query

	mu       sync.Mutex // guards regional
	regional map[turnKey]*atomic.Uint64
}

// turnKey says whose turns are counted: each region's choice has its own, so that those of one do not skip when another one is asked for.
type turnKey struct {
	family Family
	region string
}

func newStats() *Stats {
	s := new(Stats)
	for f := range s.turns {
		begin(&s.turns[f])
	}
	return s
}

// begin starts anywhere, so that responders started together do not all begin with the same member.
func begin(turn *atomic.Uint64) { turn.Store(rand.Uint64N(1 << 32)) }

// turn returns the counter of everyone's choice, or of a region's.
func (s *Stats) turn(f Family, region string) *atomic.Uint64 {
	if region == "" {
		return &s.turns[f]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.regional == nil {
		s.regional = make(map[turnKey]*atomic.Uint64)
	}
	t := s.regional[turnKey{f, region}]
	if t == nil {
		t = new(atomic.Uint64)
		begin(t)
		s.regional[turnKey{f, region}] = t
	}
	return t
}

// Stats returns the pool's counters.
func (p *Pool) Stats() *Stats { return p.stats }
