//go:build unix && !linux

package probe

// reap waits for the end of the process, takes its exit status, and ends what is left of its group.
func (c *command) reap() error { return c.reapFirst() }
