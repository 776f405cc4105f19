package test

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// However early or late it comes, a signal ends the process soon and in peace.
func TestShutdown(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.19.1.1").say("hello")
	dumb := startMembers(t, "127.19.1.9")
	quick := lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {web} expect hello
			member 127.19.1.1
		}`)
	slow := strings.Replace(quick, "pool www", `pool slow.lb.example.org {
			interval 20s
			timeout 10s
			check tcp {dumb} expect hello
			member 127.19.1.9
		}
		pool www`, 1)
	vars := []string{"{web}", web.port, "{dumb}", dumb.port}

	for _, tc := range []struct {
		rule   string
		signal syscall.Signal
		begin  func(t *testing.T) *coredns
	}{
		{"while the first round waits", syscall.SIGTERM, func(t *testing.T) *coredns {
			s := prepare(t, slow, vars...)
			s.launch(t)
			return s
		}},
		{"the same, with Ctrl-C", syscall.SIGINT, func(t *testing.T) *coredns {
			s := prepare(t, slow, vars...)
			s.launch(t)
			return s
		}},
		{"while a reload waits", syscall.SIGINT, func(t *testing.T) *coredns { // SIGTERM waits for the end of the reload
			s := startCoreDNS(t, quick, vars...)
			s.write(t, slow)
			must(t, s.cmd.Process.Signal(syscall.SIGUSR1))
			return s
		}},
		{"while a probe hangs", syscall.SIGTERM, func(t *testing.T) *coredns {
			return startCoreDNS(t, strings.Replace(slow, "timeout 10s", "timeout 300ms\ninterval 300ms", 1), append(vars, "interval 20s", "")...)
		}},
		{"while a connection to the admin endpoint is open", syscall.SIGTERM, func(t *testing.T) *coredns {
			s := startCoreDNS(t, quick, vars...)
			s.keepAlive("admin").curl(t, "GET /v1/pools", "").is(t, 200)
			return s
		}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			before := dumb.count("127.19.1.9")
			s := tc.begin(t)
			if strings.Contains(readFile(t, s.corefile()), "slow.lb") {
				eventually(t, func() error { return want(dumb.count("127.19.1.9") > before, "the member that hangs is not probed") })
			}
			must(t, s.cmd.Process.Signal(tc.signal))
			select {
			case <-s.ended:
			case <-time.After(5 * time.Second):
				t.Fatal("CoreDNS has not ended 5s after the signal")
			}
			check(t, want(s.cmd.ProcessState.ExitCode() == 0, "CoreDNS has ended with %v", s.cmd.ProcessState))
		})
	}
}

// The health plugin keeps DNS open for a while after SIGTERM. Answers stay right meanwhile, and admin requests are served.
func TestLameduck(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.19.2.1", "127.19.2.2")
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {web}
			member 127.19.2.1
			member 127.19.2.2
		}`, "health 127.0.0.1:{ready} {\n\t\tlameduck 4s\n\t}"), "{web}", web.port)
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	eventually(t, func() error { return want(strings.Contains(s.log.String(), "SIGTERM"), "no word of SIGTERM") })
	web.stop("127.19.2.2")
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.19.2.1") })
	s.curl(t, "GET /v1/pools", "").is(t, 200)
	check(t, want(!isClosed(s.ended), "CoreDNS has ended already"))
	eventually(t, func() error { return want(isClosed(s.ended), "CoreDNS still runs") })
	check(t, want(s.cmd.ProcessState.ExitCode() == 0, "CoreDNS has ended with %v", s.cmd.ProcessState))
}
