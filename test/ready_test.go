package test

import (
	"testing"
	"time"
)

// The ready plugin asks only one of two healthlb blocks, so each must answer for both.
func TestReadyAfterFirstRound(t *testing.T) {
	t.Parallel()
	quick := startMembers(t, "127.14.1.1").say("hello")
	dumb := startMembers(t, "127.14.1.2")
	const (
		a = `
a.example.org:{dns} {
	bind 127.0.0.1
	ready 127.0.0.1:{ready}
	healthlb {
		pool www.a.example.org {
			check tcp {quick} expect hello
			member 127.14.1.1
		}
	}
}`
		b = `
b.example.org:{dns} {
	bind 127.0.0.1
	ready 127.0.0.1:{ready}
	healthlb {
		timeout 2s
		pool www.b.example.org {
			check tcp {dumb} expect hello
			member 127.14.1.2
		}
	}
}`
	)
	const timeout = 2 * time.Second
	for _, corefile := range []string{a + b, b + a} {
		s := prepare(t, corefile, "{quick}", quick.port, "{dumb}", dumb.port)
		started := time.Now()
		s.launch(t)
		ready := func() int {
			r, err := s.at("ready").try("GET /ready", "")
			if err != nil {
				return 0
			}
			return r.status
		}
		eventually(t, func() error { return want(ready() == 503, "never 503") })
		eventually(t, func() error { return want(ready() == 200, "not ready") })
		took := time.Since(started)
		if got := addresses(s.firstAnswer(t, "www.a.example.org")); len(got) != 1 {
			t.Errorf("the first answer is %v", got)
		}
		// A second for the process to start, on a busy machine.
		if took < timeout || took > timeout+time.Second+time.Second {
			t.Errorf("ready after %v, with a member that hangs for %v", took, timeout)
		}
		s.stop(t)
	}
}
