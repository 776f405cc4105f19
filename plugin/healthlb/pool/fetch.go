package pool

// Asking is a pool that is about to be asked for the addresses of one family.
type Asking struct {
	Pool   *Pool
	Family Family

	stats   *Stats
	answers *answers
}

// Fetch looks at what queries for pools will look at, for all of them step by step. With many pools none of it is in a cache, and one thing leads to
// the next: asked one after the other, each query waits for all its steps. A processor waits for a dozen things at a time if it knows of
// them, so all queries together wait for each step once. What it returns means nothing.
func Fetch(all []Asking) (sum uint64) {
	for i := range all {
		a := &all[i]
		a.stats, a.answers = a.Pool.stats, &a.Pool.snapshot.Load().families[a.Family]
	}
	for i := range all {
		a := &all[i]
		sum += a.stats.Answers.Load() + uint64(a.answers.rcode)
		c := &a.answers.own
		sum += uint64(c.k) + uint64(len(c.loads)) + uint64(a.answers.rrs.PackedLen(1))
	}
	for i := range all {
		a := all[i].answers
		if len(a.own.named) > 0 {
			sum += a.rrs.Fetch()
			for _, n := range a.own.named[:min(len(a.own.named), mostFetched)] {
				sum += n.answers.Load()
			}
		}
	}
	return sum
}

// mostFetched is how many of those who may be named are fetched: of more, few are.
const mostFetched = 8
