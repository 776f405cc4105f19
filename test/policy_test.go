package test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

func TestRoundRobinIsExact(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.5.1.1", "127.5.1.2", "127.5.1.3", "127.5.1.4", "127.5.1.5")
	s := startCoreDNS(t, lb(`
		check tcp {web}
		answers 2
		pool www.lb.example.org {
			member 127.5.1.1
			member 127.5.1.2
			member 127.5.1.3
			member 127.5.1.4
			member 127.5.1.5
		}`), "{web}", web.port)

	// Each answer names two, from four clients at once.
	named := func(queries int) map[string]int {
		var mu sync.Mutex
		counts := map[string]int{}
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for range queries / 4 {
					for _, addr := range addresses(s.ask(t, question("www.lb.example.org", dns.TypeA))) {
						mu.Lock()
						counts[addr]++
						mu.Unlock()
					}
				}
			})
		}
		clients.Wait()
		return counts
	}
	five := "map[127.5.1.1:400 127.5.1.2:400 127.5.1.3:400 127.5.1.4:400 127.5.1.5:400]"
	if got := fmt.Sprint(named(1000)); got != five {
		t.Errorf("1000 answers name %s, want %s", got, five)
	}

	web.stop("127.5.1.2")
	eventually(t, func() error {
		for range 5 {
			for _, addr := range addresses(s.ask(t, question("www.lb.example.org", dns.TypeA))) {
				if addr == "127.5.1.2" {
					return fmt.Errorf("%s is answered with", addr)
				}
			}
		}
		return nil
	})
	four := "map[127.5.1.1:200 127.5.1.3:200 127.5.1.4:200 127.5.1.5:200]"
	if got := fmt.Sprint(named(400)); got != four {
		t.Errorf("400 answers name %s, want %s", got, four)
	}
}

func TestHashMovesOnlyTheLostMembersClients(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.5.2.1", "127.5.2.2", "127.5.2.3", "127.5.2.4", "127.5.2.5")
	s := startCoreDNS(t, lb(`
		check tcp {web}
		ecs 127.0.0.0/8
		policy hash
		pool www.lb.example.org {
			member 127.5.2.1
			member 127.5.2.2
			member 127.5.2.3
			member 127.5.2.4
			member 127.5.2.5
		}`), "{web}", web.port)

	ask := func(subnet int) string {
		return s.one(t, withSubnet(question("www.lb.example.org", dns.TypeA), fmt.Sprintf("198.51.%d.0/24", subnet)))
	}
	const subnets = 200
	var before [subnets]string
	share := map[string]int{}
	lost := -1 // a subnet of the member that will be lost
	for i := range before {
		before[i] = ask(i)
		share[before[i]]++
		if before[i] == "127.5.2.3" {
			lost = i
		}
	}
	for addr, n := range share {
		if len(share) != 5 || n < subnets/5/3 || n > subnets/5*2 {
			t.Errorf("%s has %d of %d clients: %v", addr, n, subnets, share)
		}
	}

	web.stop("127.5.2.3")
	eventually(t, func() error { return want(ask(lost) != "127.5.2.3", "127.5.2.3 is still answered with") })
	heirs := map[string]bool{}
	for i, was := range before {
		is := ask(i)
		switch {
		case was != "127.5.2.3" && is != was:
			t.Errorf("client %d has moved from %s to %s, although 127.5.2.3 was lost", i, was, is)
		case was == "127.5.2.3":
			heirs[is] = true
		}
	}
	check(t, want(len(heirs) >= 3, "the lost member's clients all went to %v", heirs))

	web.start(t, "127.5.2.3")
	eventually(t, func() error { return want(ask(lost) == "127.5.2.3", "127.5.2.3 is not answered with") })
	for i, was := range before {
		if is := ask(i); is != was {
			t.Errorf("client %d was with %s, and is now with %s", i, was, is)
		}
	}
}
