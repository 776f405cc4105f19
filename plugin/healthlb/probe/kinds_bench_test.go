package probe

import (
	"testing"
	"time"
)

// BenchmarkHTTP is the cost of one probe that passes. The member, net/http's server, is in the same process and counted too.
func BenchmarkHTTP(b *testing.B) {
	ca := newAuthority(b)
	opts, ok := HTTPOptions{Host: right}, serves(200, "all is ok\n")
	plain, secure := mustHTTP(b, opts), mustHTTPS(b, opts, TLSOptions{ServerName: right, CAFile: ca.file})
	b.Run("http", func(b *testing.B) { mustKeepPassing(b, plain, site(b, ok)) })
	b.Run("https", func(b *testing.B) {
		mustKeepPassing(b, secure, secureSite(b, ca.issue(time.Now().Add(time.Hour), right), ok))
	})
}

// BenchmarkAgent is the same of an agent that is asked for its state.
func BenchmarkAgent(b *testing.B) {
	c := NewAgent(0, AgentOptions{Send: []byte("state\n")})
	mustKeepPassing(b, c, member(b, "127.0.0.1:0", answers("state\n", "ready,up 75%\n")))
}
