//go:build unix

package probe

import "syscall"

// descriptors is how many files this process may have open. The Go runtime raised the soft limit to the hard one at start.
func descriptors() int64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // the usual soft limit
	}
	return int64(min(uint64(limit.Cur), 1<<62)) // RLIM_INFINITY is 1<<64 - 1 or 1<<63 - 1
}
