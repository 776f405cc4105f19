package rollout

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Start begins a rollout of a pool, or of a region of it, that is whole. The error says all that keeps it from beginning.
func Start(id, pool string, s Spec, v View, now time.Time) (Rollout, error) {
	if err := s.check(); err != nil {
		return Rollout{}, err
	}
	s.Parallel = max(s.Parallel, 1)
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	now = stored(now)

	seen := slices.SortedFunc(s.among(v), func(a, b *MemberView) int { return strings.Compare(a.ID, b.ID) })
	up := 0
	for _, m := range seen {
		if m.Up {
			up++
		}
	}
	var faults list
	if up < 2 { // one alone cannot be spared
		faults.add(fmt.Sprintf("%s has %s up of %d: want at least 2", scope(s.Region), count(up, "member"), len(seen)))
	}
	if len(seen) > MaxMembers {
		faults.add(fmt.Sprintf("%s has %d members: want at most %d", scope(s.Region), len(seen), MaxMembers))
	}
	members := make([]Member, 0, len(seen))
	for _, m := range seen {
		if fault := m.fault(); fault != "" {
			faults.add(m.ID + " " + fault)
		}
		members = append(members, Member{ID: m.ID, Addresses: append([]string(nil), m.Addresses...), Step: StepWaiting, Since: now})
	}
	if faults.n > 0 {
		return Rollout{}, fmt.Errorf("the rollout cannot begin: %s", faults.String())
	}
	return Rollout{
		ID: id, Pool: pool, Spec: s, Status: StatusRunning,
		Started: now, Lease: now.Add(Lease), Count: len(members), Members: members,
	}, nil
}

// among returns the members that are meant.
func (s Spec) among(v View) iter.Seq[*MemberView] {
	return func(yield func(*MemberView) bool) {
		for i := range v.Members {
			if m := &v.Members[i]; m.in(s.Region) && !yield(m) {
				return
			}
		}
	}
}

func (s Spec) check() error {
	for _, n := range []struct {
		name  string
		value int
	}{{"canary", s.Canary}, {"parallel", s.Parallel}, {"max_failures", s.MaxFailures}} {
		if n.value < 0 {
			return fmt.Errorf("%s %d is out of range: want 0 or more", n.name, n.value)
		}
	}
	if s.Timeout != 0 && (s.Timeout < MinTimeout || s.Timeout > MaxTimeout) {
		return fmt.Errorf("timeout %s is out of range: want %s to %s", s.Timeout, MinTimeout, MaxTimeout)
	}
	return nil
}
