package policy

// roundRobin names a run of the members that moves on by one with each query. Members keep one cyclic order, so that there are only as
// many different answers as members, and the signature cache of dnssec holds them all.
type roundRobin struct{}

func (roundRobin) Members([]string) {}

func (roundRobin) Clone() Policy { return roundRobin{} }

func (roundRobin) Picker(eligible []int32) Picker { return turns(len(eligible)) }

// turns is round robin over so many members.
type turns int

func (n turns) Pick(q Query, _ int) (int, []int32) {
	return int(q.Turn.Add(1) % uint64(n)), nil
}
