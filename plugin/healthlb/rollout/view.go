package rollout

import (
	"strings"
	"time"
)

// View is what a pool looks like now. It is not older than the last order that was carried out: a drain that it does not show is gone.
type View struct {
	Members []MemberView
}

// MemberView is what a member looks like now.
type MemberView struct {
	ID        string
	Region    string
	Addresses []string
	Up        bool      // each family of it is up: not suspect, not lame
	Blocked   bool      // some address of it
	Drained   bool      // by anybody
	Foreign   bool      // drained by somebody other than this rollout
	Faded     bool      // it has its whole share
	Probed    time.Time // when the oldest of the last passing probes of its checks began; zero: some check did not pass last time
	Out       bool      // its drain is in force: answers do not name it
	Safe      bool      // no cache that keeps to TTL holds it
	SafeAfter time.Time
}

// ours tells whether this rollout's drain holds.
func (v *MemberView) ours() bool { return v.Drained && !v.Foreign }

// stoppable tells whether nobody is sent to the member any more. Whose drain sees to that is all the same.
func (v *MemberView) stoppable() bool { return v.Drained && v.Out && v.Safe }

// fault says why the member is not whole, such as "is not up and blocked". Empty: it is whole.
func (v *MemberView) fault() string {
	var faults []string
	if !v.Up {
		faults = append(faults, "not up")
	}
	if v.Blocked {
		faults = append(faults, "blocked")
	}
	if v.Drained {
		faults = append(faults, "drained")
	}
	if v.Up && !v.Faded { // one that is down has no share that could grow
		faults = append(faults, "fading in")
	}
	if len(faults) == 0 {
		return ""
	}
	return "is " + strings.Join(faults, " and ")
}

// in tells whether the member is one of a region; all are of the region "".
func (v *MemberView) in(region string) bool { return region == "" || v.Region == region }
