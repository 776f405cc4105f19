package pool

import (
	"net/netip"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// Observation is what a probe found, as a pool sees it.
type Observation struct {
	Reason   string
	At       time.Time     // when the probe began; zero: never
	Took     time.Duration // how long it took
	NotAfter time.Time     // when the member's certificate runs out; zero: none was seen
	Percent  int           // how much of its weight the member asks for; -1: it says nothing of it. None at all, 0, is for the lame
	Outcome  health.Outcome
	Excused  bool // see probe.Result
}

// Transition is a change of a member's state in one family.
type Transition struct {
	Pool, Member string
	Family       Family
	Address      netip.Addr
	From, To     health.State
	Reason       string
	Twin         bool // another pool of this name, of a later Corefile, tells of it too
}

// Taken is what follows from an Observation that was taken in.
type Taken struct {
	Confirm    bool        // the next probe should come at the confirm time
	Transition *Transition // nil: the member's state in this family is what it was
	Rebuild    bool        // the caller has to call Pool.Rebuild; so it is with each Transition
	Held       bool        // the member is held down although it passes: some later result brings it up
}

// thresholds returns by which thresholds a member is judged: one of another region by MAX, since it may be this responder that is cut
// off.
func (p *Pool) thresholds(m *member) health.Thresholds {
	t := health.Thresholds{Min: p.Min, Fall: p.Min, Rise: p.Rise}
	if p.Region != "" && m.Region != "" && m.Region != p.Region {
		t.Fall = p.Max + 1
	}
	return t
}

// Observe takes in what a probe found for a slot, and tells what follows.
func (s *Slot) Observe(o Observation) Taken {
	p, a := s.Pool, s.address
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.gone {
		return Taken{}
	}
	t, percent := p.thresholds(s.member), s.last.Percent
	s.note(o, t)
	did := Taken{Confirm: s.record.Confirming(t)}
	if o.Outcome == health.Inconclusive {
		return did
	}
	from, excused, stale, at := a.state, a.excused, a.stale, o.At.Add(o.Took)
	held := a.settle(at, p.Flap)
	did.Held = a.held
	if to := a.state; from != to {
		a.since, a.fell = at, health.Fell(from, to)
		if to.Serving() && !from.Serving() && !a.spared {
			s.member.comesUp(s.family, from == health.Unknown, at)
		}
		did.Transition = &Transition{p.Name, s.member.ID, s.family, a.addr, from, to, s.whyNow(held), a.usage.teller.Load() != a}
		if !did.Transition.Twin {
			a.usage.transitions[to].Add(1)
		}
	}
	reweighed := s.last.Percent != percent && p.reweighed(s.member)
	did.Rebuild = did.Transition != nil || excused != a.excused || stale != a.stale || reweighed
	return did
}

// Busy says whether Observe would have to wait at this moment.
func (s *Slot) Busy() bool {
	free := s.Pool.mu.TryLock()
	if free {
		s.Pool.mu.Unlock()
	}
	return !free
}

// note writes a result down. What it says nothing of stays as it was: the certificate that was seen last, and unless the member itself has
// answered, how much of its weight it asks for.
func (s *Slot) note(o Observation, t health.Thresholds) {
	if o.NotAfter.IsZero() {
		o.NotAfter = s.last.NotAfter
	}
	o.Percent = o.percentAfter(s.last.Percent)
	s.excuse(o, t)
	s.record, s.last = s.record.Next(o.Outcome, t), o
	if o.Outcome != health.Inconclusive {
		s.stale = false
	}
}

// look sets what follows from the slots alone.
func (a *address) look() {
	a.checked, a.stale = health.Up, false
	for i := range a.slots {
		s := &a.slots[i]
		a.checked = health.Worst(a.checked, s.record.State)
		a.stale = a.stale || s.stale
	}
}
