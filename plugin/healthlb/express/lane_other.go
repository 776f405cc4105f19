//go:build !linux

package express

// Lane is what other systems than Linux have instead of express sockets: nothing.
type Lane struct{}

// Open warns that all queries are answered the ordinary way.
func Open(addr string, _ int, _ *Server, warn func(format string, args ...any), _ *Lane) *Lane {
	warn("Express at %s: only Linux can do that, queries are answered the ordinary way", addr)
	return new(Lane)
}

// Use has no effect.
func (*Lane) Use(*Server) {}

// Sockets returns 0.
func (*Lane) Sockets() int { return 0 }

// Close has no effect.
func (*Lane) Close() {}
