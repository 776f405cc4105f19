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

	mu    sync.Mutex // guards turns
	turns map[turnKey]*turn
}

// turnKey says whose turns are counted: each choice has its own, so that those of one do not skip when another one is asked for.
type turnKey struct {
	family Family
	region string
}

// turn counts queries; see policy.Query. It has a cache line (64 bytes on amd64 and most of arm64) of its own, since every query writes it.
type turn struct {
	atomic.Uint64
	_ [56]byte
}

func newStats() *Stats { return &Stats{turns: make(map[turnKey]*turn)} }

// turn returns the counter of a choice. It begins anywhere, so that responders started together do not all begin with the same member.
func (s *Stats) turn(f Family, region string) *atomic.Uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.turns[turnKey{f, region}]
	if t == nil {
		t = new(turn)
		t.Store(rand.Uint64N(1 << 32))
		s.turns[turnKey{f, region}] = t
	}
	return &t.Uint64
}

// Stats returns the pool's counters.
func (p *Pool) Stats() *Stats { return p.stats }
