package pool

// Asking is a pool that is about to be asked for the addresses of one family.
type Asking struct {
	Pool   *Pool
	Family Family

	snapshot *Snapshot
	choice   *choice
	first    *notes
}

// Fetch looks at what queries for pools will look at, for all of them step by step. With many pools none of it is in a cache, and one thing leads to
// the next: asked one after the other, each query waits for all its steps. A processor waits for a dozen things at a time if it knows of
// them, so all queries together wait for each step once. What it returns means nothing.
func Fetch(all []Asking) (sum uint64) {
	for i := range all {
		a := &all[i]
		a.snapshot = a.Pool.snapshot.Load()
		sum += a.Pool.stats.Answers.Load()
	}
	for i := range all {
		a := &all[i]
		if a.choice = a.snapshot.families[a.Family].everyone; a.choice == nil {
			a.choice = nobody
		}
	}
	for i := range all {
		if a := &all[i]; len(a.choice.named) > 0 {
			sum += a.choice.turn.Load() + uint64(a.choice.rrs.PackedLen(1)) + uint64(a.choice.ttls.Normal)
			a.first = a.choice.named[0]
		}
	}
	for i := range all {
		if a := &all[i]; a.first != nil {
			sum += a.choice.rrs.Fetch()
			for _, n := range a.choice.named[:min(len(a.choice.named), mostFetched)] {
				sum += n.answers.Load()
			}
		}
	}
	return sum
}

// mostFetched is how many of those who may be named are fetched: of more, few are.
const mostFetched = 8

// nobody is the choice where no one is named.
var nobody = new(choice)
