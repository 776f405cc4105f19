package pool

import "time"

// Drain is an operator's order to take a member out, in both families.
type Drain struct {
	Out time.Time // when answers cease to name it; until then those that do have the low TTL
}

// inForce says whether the member is out now.
func (d Drain) inForce(now time.Time) bool { return !d.Out.After(now) }

// undrained leaves out who is drained.
func undrained(cs []candidate, drains map[string]Drain, now time.Time) []candidate {
	if len(drains) == 0 {
		return cs
	}
	return keep(cs, func(c candidate) bool {
		d, ordered := drains[c.member.ID]
		return !ordered || !d.inForce(now)
	})
}

// text says it in words.
func (d Drain) text(now time.Time) string {
	switch {
	case !d.inForce(now):
		return "to be drained from " + d.Out.UTC().Format(time.RFC3339) + " on: answers that name it have the low TTL"
	case d.Out.IsZero():
		return "drained"
	default:
		return "drained since " + d.Out.UTC().Format(time.RFC3339)
	}
}
