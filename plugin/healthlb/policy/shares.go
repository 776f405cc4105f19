package policy

import "slices"

// inclusion returns for each candidate in which share of the answers, of k names each, it is named: in proportion to weight x fade, but
// for those that this would name more often than its fade allows; what they leave over goes to the others. weights are above 0, and
// fades above 0 and at most 1. The sum is k, or less when fading leaves no more.
func inclusion(weights []int, fades []float64, k int) []float64 {
	named := make([]float64, len(weights))
	capped := make([]bool, len(weights))
	for {
		left, points := float64(k), 0.0 // what is to be shared among those not capped, and by what
		for i, w := range weights {
			if capped[i] {
				left -= fades[i]
			} else {
				points += float64(w) * fades[i]
			}
		}
		more := false
		for i, w := range weights {
			if !capped[i] && float64(w)*left >= points {
				capped[i], more = true, true
			}
		}
		if more {
			continue
		}
		for i, w := range weights {
			named[i] = fades[i]
			if !capped[i] {
				named[i] *= float64(w) * left / points
			}
		}
		return named
	}
}

// Shares returns the share of each candidate in the names of answers of k each, as the policy is meant to spread them: for all clients
// together, under shard as without it. The sum is 1.
func (s Spec) Shares(ms []Member, cs []Candidate, k int) []float64 {
	weights, fades := even(cs)
	if s.Weighs() {
		weights, fades = weightsOf(ms, cs)
	}
	shares := inclusion(weights, fades, k)
	if s.Name == Failover {
		left := float64(min(k, len(cs)))
		for i, fade := range fades {
			shares[i] = min(fade, left)
			left -= shares[i]
		}
	}
	sum := 0.0
	for _, share := range shares {
		sum += share
	}
	for i := range shares {
		shares[i] /= sum
	}
	return shares
}

// weightsOf returns the weights and the fades of candidates. Weights of 0 count alike: a standby is a candidate only beside others.
func weightsOf(ms []Member, cs []Candidate) (weights []int, fades []float64) {
	weights, fades = make([]int, len(cs)), make([]float64, len(cs))
	for i, c := range cs {
		weights[i], fades[i] = max(1, ms[c.Member].Weight), c.Fade
	}
	return weights, fades
}

// fading says whether some candidate does not have its whole share yet.
func fading(cs []Candidate) bool {
	return slices.ContainsFunc(cs, func(c Candidate) bool { return c.Fade < 1 })
}
