// Package health turns what probes say into the state of a member. It is pure: no I/O, no clock, no locks.
package health

// State is what is thought of a member in one address family, or of one of its checks. The order is from best to worst, except for
// Unknown, which stands for "no result yet" and is worse than all.
type State uint8

// The states of DESIGN.md section 5.
const (
	Up      State = iota // passes its checks
	Suspect              // up, but its last probe failed
	Lame                 // reachable, and says that it wants no traffic
	Down                 // failed often enough to be left out
	Unknown              // not yet probed

	States = int(Unknown) + 1 // how many states there are
)

var names = [States]string{"up", "suspect", "lame", "down", "unknown"}

// String returns the state's name as it stands in logs, metrics and the API.
func (s State) String() string { return names[s] }

// Serving says whether health alone lets a member in this state be answered with.
func (s State) Serving() bool { return s <= Suspect }

// Worst returns the worse of two states: a member is as good as its worst check.
func Worst(a, b State) State { return max(a, b) }

// Outcome is what one probe found.
type Outcome uint8

// The outcomes of a probe.
const (
	Pass         Outcome = iota // the check succeeded
	Fail                        // the member failed it
	LameDuck                    // the member answered that it wants no traffic
	Inconclusive                // the prober's own trouble: changes nothing
)

var outcomes = [...]string{"pass", "fail", "lame", "inconclusive"}

// String returns the outcome's name as it stands in metrics.
func (o Outcome) String() string { return outcomes[o] }

// Thresholds decide how many equal results in a row it takes to change a state.
type Thresholds struct {
	Min  int // failures after which a member of this region is down; confirm probes stop there
	Fall int // failures at which this member is down: Min, or one more than MAX for a member of another region
	Rise int // passes that bring a member that is down up again
}

// Record is the state of one check of one member with its counters. The zero Record is not valid: begin with New.
type Record struct {
	State  State
	Fails  int // consecutive failures up to now
	Passes int // consecutive passes since the last failure, counted while down
}

// New returns the record of a check that has no result yet.
func New() Record { return Record{State: Unknown} }

// maxCount bounds the counters, so that years of failures cannot overflow what others compute from them.
const maxCount = 1 << 30

// Next returns the record after one more outcome.
func (r Record) Next(o Outcome, t Thresholds) Record {
	switch o {
	case Inconclusive:
		return r
	case LameDuck:
		return Record{State: Lame}
	case Pass:
		return r.pass(t)
	default:
		return r.fail(t)
	}
}

func (r Record) pass(t Thresholds) Record {
	if r.State == Down && r.Passes+1 < t.Rise {
		return Record{State: Down, Fails: 0, Passes: r.Passes + 1}
	}
	return Record{State: Up}
}

func (r Record) fail(t Thresholds) Record {
	next := Record{State: Suspect, Fails: min(r.Fails+1, maxCount)}
	if r.State == Down || r.State == Unknown || next.Fails >= t.Fall {
		next.State = Down
	}
	return next
}

// Confirming says whether the next probe should come soon, to confirm what the last ones said: a member that began to fail, or one
// that is coming back.
func (r Record) Confirming(t Thresholds) bool {
	switch r.State {
	case Suspect:
		return r.Fails < t.Min
	case Down:
		return r.Passes > 0
	default:
		return false
	}
}
