package policy

import "slices"

// sharding shows each client so many of the members, the same ones every time, and has a policy pick among them. Every client makes so many
// draws: each is a place on a ring of all members, from where on the first that is eligible and not yet drawn is taken. So losing one of
// its members replaces just that one, and losing another changes nothing: a draw moves on only when who it had is gone or taken by an
// earlier draw, which ends with the one member that nobody had. Weights play no role in the draws, and the ring is the same whatever the
// policy, so that a client's A and AAAA records name the same servers.
type sharding struct {
	Policy         // picks when there are no more candidates than a client may see
	choose  choose // picks among those that a client sees
	size    int
	members []Member
	ids     []identity
	ring    *shareRing
}

// MaxShard is how many members a client may be limited to.
const MaxShard = 64

func (s *sharding) Members(ms []Member) {
	if s.ring == nil || !slices.Equal(s.members, ms) {
		s.members, s.ids = slices.Clone(ms), identities(ms)
		s.ring = newShareRing(ms, order(ms), countsAlike(ms, func(Member) bool { return true }))
	}
	s.Policy.Members(ms)
}

// Clone shares the ring, which is never changed.
func (s *sharding) Clone() Policy {
	c := *s
	c.Policy = s.Policy.Clone()
	return &c
}

func (s *sharding) Picker(cs []Candidate, k int) Picker {
	if len(cs) <= s.size && !fading(cs) { // while members fade in, each client has joined some of them
		return s.Policy.Picker(cs, k)
	}
	return &shard{
		walk:   s.ring.walk(cs, s.size),
		rivals: rivals(s.members, cs),
		ids:    identitiesOf(s.ids, cs),
		names:  min(k, s.size),
		choose: s.choose,
		fading: fading(cs),
	}
}

// shard picks among those that a client sees.
type shard struct {
	*walk
	rivals []rival
	ids    []identity
	names  int // how many an answer names at most
	choose choose
	fading bool
}

// keyStep keeps the places of a client's draws apart from each other and from its place under hash. It is an odd number without pattern:
// the fraction of the square root of 3.
const keyStep = 0xbb67ae8584caa73b

// Shard implements Sharder. It has all that the draws will look at fetched first, so that it waits for memory about once.
func (s *shard) Shard(key uint64, list []int32) []int32 {
	at := key
	for range s.k {
		at += keyStep
		s.ring.fetch(mix(at))
	}
	at = key
	for len(list) < s.k {
		at += keyStep
		draw := mix(at)
		if x := s.first(draw); x >= 0 && !slices.Contains(list, x) {
			list = append(list, x)
			continue
		}
		t := s.from(draw, draw)
		list = t.follow(list, len(list)+1, nil)
	}
	return list
}

// Pick draws the members that the client sees into list, and has those that are named moved to its front.
func (s *shard) Pick(q Query, list []int32) (int, []int32) {
	list = s.Shard(q.Key, list)
	f := few{s.rivals, s.ids, list, s.names}
	if s.fading {
		f.list = list[:f.joined(q.Key)]
		f.k = min(f.k, len(f.list))
	}
	return 0, list[:s.choose(q, f)]
}

// Room implements Picker.
func (s *shard) Room() int { return s.k }

// PerClient implements Picker.
func (*shard) PerClient() bool { return true }
