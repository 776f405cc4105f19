package probe

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// reap waits for the end of the process, ends what is left of its group, and takes its exit status. The order matters: until the status
// is taken, the process's number is that of its group, too, and of nobody else.
func (c *command) reap() error {
	var err error = syscall.EINTR
	for err == syscall.EINTR {
		err = unix.Waitid(unix.P_PID, c.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
	if err != nil { // a sandbox may not have it
		return c.reapFirst()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.signal()
	return c.ended(c.process.Wait())
}
