package pool

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Stats counts what a pool answered. It outlives the pool over reloads.
type Stats struct {
	Answers        atomic.Uint64 // replies to queries for an address of the pool
	AllDownAnswers atomic.Uint64 // those of them given because too few members were eligible
	FileErrors     atomic.Uint64 // members files that were not taken over

	turns [Families]turn

	mu       sync.Mutex // guards regional
	regional map[turnKey]*turn
}

// turnKey says whose turns are counted: each region's choice has its own, so that those of one do not skip when another one is asked for.
type turnKey struct {
	family Family
	region string
}

// turn counts queries; see policy.Query. It has a cache line (64 bytes on amd64 and most of arm64) of its own, since every query writes it.
type turn struct {
	atomic.Uint64
	_ [56]byte
}

func newStats() *Stats {
	s := new(Stats)
	for f := range s.turns {
		s.turns[f].begin()
	}
	return s
}

// begin starts anywhere, so that responders started together do not all begin with the same member.
func (t *turn) begin() { t.Store(rand.Uint64N(1 << 32)) }

// turn returns the counter of everyone's choice, or of a region's.
func (s *Stats) turn(f Family, region string) *atomic.Uint64 {
	if region == "" {
		return &s.turns[f].Uint64
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.regional == nil {
		s.regional = make(map[turnKey]*turn)
	}
	t := s.regional[turnKey{f, region}]
	if t == nil {
		t = new(turn)
		t.begin()
		s.regional[turnKey{f, region}] = t
	}
	return &t.Uint64
}

// Stats returns the pool's counters.
func (p *Pool) Stats() *Stats { return p.stats }
