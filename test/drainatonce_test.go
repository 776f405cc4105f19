package test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// No answer names a drained member from the very next query on, however often the pool is judged anew for other reasons meanwhile.
func TestDrainHoldsAtOnce(t *testing.T) {
	t.Parallel()
	web, flaky := startMany(t), startMembers(t, "127.41.1.200")
	var members strings.Builder
	for i := range 60 {
		fmt.Fprintf(&members, "member 127.41.1.%d port {flaky} probe_address 127.41.1.200\n", 10+i)
	}
	corefile := operated(`
		pool www.lb.example.org {
			interval 100ms
			timeout 100ms
			failures 1
			rise 1
			answers all
			all_down nodata
			member 127.41.1.1
			member 127.41.1.2
			` + members.String() + `
		}`)
	s := startCoreDNS(t, corefile, "{web}", web.port, "{flaky}", flaky.port)
	end := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for up := false; !isClosed(end); up = !up {
			if up {
				check(t, flaky.listen("127.41.1.200"))
			} else {
				flaky.stop("127.41.1.200")
			}
			time.Sleep(30 * time.Millisecond) // nobody waits for it
		}
	})
	e := s.lasting()
	a, err := s.asker()
	must(t, err)
	defer a.conn.Close()
	const path = "/v1/pools/www.lb.example.org/members/127.41.1.1/drain"
	turns := 0
	for began := time.Now(); time.Since(began) < 2*time.Second && !t.Failed(); turns++ {
		e.order(t, "PUT "+path, api.DrainSpec{}).is(t, 200)
		for range 20 {
			addrs, err := a.names(steady)
			must(t, err)
			if slices.Contains(addrs, "127.41.1.1") {
				t.Errorf("turn %d: 127.41.1.1 is drained, and an answer names it", turns)
			}
		}
		e.order(t, "DELETE "+path, nil).is(t, 200)
	}
	close(end)
	running.Wait()
	t.Logf("%d drains", turns)
}
