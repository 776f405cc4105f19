package pool

import "example.org/healthlb/plugin/healthlb/health"

// willing leaves out the lame.
func willing(cs []candidate) []candidate {
	return keep(cs, func(c candidate) bool { return c.address.state != health.Lame })
}

// lame keeps the lame only.
func lame(cs []candidate) []candidate {
	return keep(cs, func(c candidate) bool { return c.address.state == health.Lame })
}
