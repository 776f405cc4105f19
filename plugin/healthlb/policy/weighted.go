package policy

// weighted names each member in its share of the answers, by weight: a smooth weighted round robin. Every query has its turn on a cycle
// that names each member as often as its weight says, spread evenly over the cycle.
type weighted struct{ members []Member }

func (w *weighted) Members(ms []Member) { w.members = ms }

func (w *weighted) Clone() Policy { return &weighted{w.members} }

func (w *weighted) Picker(cs []Candidate, k int) Picker {
	weights, fades := weightsOf(w.members, cs)
	return shared(weights, fades, k)
}

// shared returns a Picker that takes turns by shares: plain round robin where they are equal.
func shared(weights []int, fades []float64, k int) Picker {
	for i := range weights {
		if weights[i] != weights[0] || fades[i] != 1 {
			return &shares{newSampler(weights, fades, k), false}
		}
	}
	return Turns(len(weights))
}

// even returns n weights of 1, for policies that do not look at weights.
func even(cs []Candidate) (weights []int, fades []float64) {
	weights, fades = make([]int, len(cs)), make([]float64, len(cs))
	for i, c := range cs {
		weights[i], fades[i] = 1, c.Fade
	}
	return weights, fades
}

// shares names members by shares, in turn or at random.
type shares struct {
	*sampler
	random bool
}

func (s *shares) Pick(q Query, list []int32) (int, []int32) {
	first := uint64(0)
	if s.random {
		first = q.Rand(s.total)
	} else {
		first = s.first(q.Turn.Add(1))
	}
	if s.points == 1 {
		return int(s.at(first)), nil
	}
	return 0, s.pick(first, list)
}

// Room implements Picker. One point names one member: a run.
func (s *shares) Room() int {
	if s.points == 1 {
		return 0
	}
	return s.points
}

func (*shares) PerClient() bool { return false }
