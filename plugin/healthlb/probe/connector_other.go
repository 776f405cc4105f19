//go:build !linux || 386 || s390x

package probe

// flight is a connection that the loop makes or holds: there is none here.
type flight struct{}

func newConnector(s *Scheduler, _ bool) connector { return newPortable(s) }
