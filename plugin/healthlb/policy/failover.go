package policy

// failover names the first members in the order written. Who comes first for a client does not depend on the family asked for, so that
// its A and AAAA records name the same servers.
type failover struct{ members []identity }

// identity is a member's place in hashes, which is the same on every node.
type identity uint64

func (f *failover) Members(ms []Member) { f.members = identities(ms) }

func (f *failover) Clone() Policy { return &failover{f.members} }

func (f *failover) Picker(cs []Candidate, k int) Picker {
	if !fading(cs) {
		return front{}
	}
	p := &rising{fades: make([]float64, len(cs)), members: identitiesOf(f.members, cs), k: k}
	for i, c := range cs {
		p.fades[i] = c.Fade
	}
	return p
}

// front names the first.
type front struct{}

func (front) Pick(Query, []int32) (int, []int32) { return 0, nil }

func (front) Room() int { return 0 }

func (front) PerClient() bool { return false }

// rising names the first of those that have come up so far for a client.
type rising struct {
	members []identity
	fades   []float64
	k       int
}

func (r *rising) Pick(q Query, list []int32) (int, []int32) {
	for i, fade := range r.fades {
		if fade == 1 || r.members[i].joined(q.Key, fade) {
			if list = append(list, int32(i)); len(list) == r.k {
				break
			}
		}
	}
	return 0, list
}

func (r *rising) Room() int { return min(r.k, len(r.fades)) }

func (*rising) PerClient() bool { return true }
