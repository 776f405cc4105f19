//go:build !unix

package probe

// descriptors is how many sockets this process may have open. Other systems have no limit to ask for; this is what a small one bears.
func descriptors() int64 { return 4096 }
