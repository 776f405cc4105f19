//go:build !linux

package admin

import "net"

// peerOf names nobody: each system has its own way to ask, or none.
func peerOf(*net.UnixConn) string { return "" }
