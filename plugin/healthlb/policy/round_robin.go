package policy

// roundRobin names a run of the members that moves on by one with each query. Members keep one cyclic order, so that there are only as
// many different answers as members, and the signature cache of dnssec holds them all.
type roundRobin struct{}

func (roundRobin) Members([]Member) {}

func (roundRobin) Clone() Policy { return roundRobin{} }

func (roundRobin) Picker(cs []Candidate, _ int) Picker { return turns(len(cs)) }

// turns is round robin over so many members.
type turns int

func (n turns) Pick(q Query, _ []int32) (int, []int32) {
	return int(q.Turn.Add(1) % uint64(n)), nil
}

func (turns) Room() int { return 0 }

func (turns) PerClient() bool { return false }
