package policy

// roundRobin names a run of the members that moves on by one with each query. Members keep one cyclic order, so that there are only as
// many different answers as members, and the signature cache of dnssec holds them all.
type roundRobin struct{}

func (roundRobin) Members([]Member) {}

func (roundRobin) Clone() Policy { return roundRobin{} }

func (roundRobin) Picker(cs []Candidate, k int) Picker {
	if !fading(cs) {
		return Turns(len(cs))
	}
	weights, fades := even(cs)
	return shared(weights, fades, k)
}

// Turns is the Picker of round robin over so many members.
type Turns int

// Pick implements Picker.
func (n Turns) Pick(q Query, _ []int32) (int, []int32) {
	return int(q.Turn.Add(1) % uint64(n)), nil
}

// Room implements Picker.
func (Turns) Room() int { return 0 }

// PerClient implements Picker.
func (Turns) PerClient() bool { return false }
