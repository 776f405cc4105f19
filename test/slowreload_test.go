package test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// While a reload waits for the first result of a member that hangs, two generations are at work. What happens meanwhile holds for both
// of them, and counts once.
func TestWhileReloadWaits(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.18.1.1", "127.18.1.2", "127.18.1.3").say("hello")
	dumb := startMembers(t, "127.18.1.9")
	corefile := lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		check tcp {web} expect hello
		pool www.lb.example.org {
			member 127.18.1.1
			member 127.18.1.2
			member 127.18.1.3
		}`, "prometheus 127.0.0.1:{metrics}")
	slow := strings.Replace(corefile, "pool www", `pool slow.lb.example.org {
			interval 20s
			timeout 5s
			check tcp {dumb} expect hello
			member 127.18.1.9
		}
		pool www`, 1)
	s := startCoreDNS(t, corefile, "{web}", web.port, "{dumb}", dumb.port)
	load := s.startLoad(t, "www.lb.example.org", "X-Nothing: at all", s.keepAlive("admin"))
	load.goesOn(t)

	var reload sync.WaitGroup
	began := time.Now()
	var said string
	var err error
	reload.Go(func() { said, err = s.tryReload(t, slow) })
	eventually(t, func() error { return want(dumb.count("127.18.1.9") > 0, "the member that hangs is not probed") })

	t.Log("a block is in force at once")
	s.curl(t, "PUT /v1/blocklist", "127.18.1.3").is(t, 200)
	must(t, s.dig(t, "www.lb.example.org").names("127.18.1.1", "127.18.1.2"))
	t.Log("the loss of a member is seen")
	web.stop("127.18.1.2")
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.18.1.1") })
	check(t, want(!strings.Contains(s.log.String(), "Reloading complete"), "the reload did not wait for the member that hangs"))
	reload.Wait()
	must(t, err)
	check(t, want(time.Since(began) < 5*time.Second+time.Second+2*time.Second, "the reload took %v:\n%s", time.Since(began), said))

	t.Log("and after the reload all that is known")
	check(t, s.dig(t, "www.lb.example.org").names("127.18.1.1"))
	check(t, want(s.dig(t, "slow.lb.example.org").ede == ede, "the member that hangs is not down"))
	for _, change := range []string{"up -> suspect", "suspect -> down"} {
		n := s.log.count("member 127.18.1.2 ", change)
		check(t, want(n == 1, "the log has %q %d times", change, n))
	}
	for to, n := range map[string]float64{"up": 1, "suspect": 1, "down": 1} {
		name := fmt.Sprintf(`coredns_healthlb_transitions_total{member="127.18.1.2",pool="www.lb.example.org.",to="%s"}`, to)
		check(t, want(s.metrics(t)[name] == n, "%s is %v, want %v", name, s.metrics(t)[name], n))
	}
	load.stop(t)
}

// A store that a reload brings has its blocks in force when the reload is done. It cannot be taken away.
func TestReloadBringsState(t *testing.T) {
	t.Parallel()
	first := startBlocks(t)
	first.curl(t, "PUT /v1/blocklist", "127.7.1.2").is(t, 200)
	first.stop(t)
	s := startCoreDNS(t, lb(strings.Replace(blocksCorefile, "state {dir}/state", "", 1)), first.vars...)
	must(t, s.dig(t, "www.lb.example.org").names("127.7.1.1", "127.7.1.2", "127.7.1.3"))
	s.curl(t, "PUT /v1/blocklist", "127.7.1.1").is(t, 409)
	with := lb(strings.Replace(blocksCorefile, "{dir}/state", first.dir+"/state", 1))
	s.reload(t, with)
	must(t, s.dig(t, "www.lb.example.org").names("127.7.1.1", "127.7.1.3"))
	s.curl(t, "POST /v1/blocklist", "127.7.1.1").is(t, 200)
	must(t, s.dig(t, "www.lb.example.org").names("127.7.1.3"))
	s.reloadFails(t, lb(strings.Replace(blocksCorefile, "state {dir}/state", "", 1)), "state", "restart")
	must(t, s.dig(t, "www.lb.example.org").names("127.7.1.3"))
	s.reload(t, with)
	must(t, s.dig(t, "www.lb.example.org").names("127.7.1.3"))
}
