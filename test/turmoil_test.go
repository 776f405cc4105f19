package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// While members come and go, files change and Corefiles are reloaded, a blocked address is in no answer that comes after the block's own.
func TestBlockHoldsInTurmoil(t *testing.T) {
	t.Parallel()
	addrs := []string{"127.20.1.1", "127.20.1.2", "127.20.1.3", "127.20.1.4"}
	web := startMembers(t, addrs...)
	files := t.TempDir()
	writeFile(t, files+"/members", "127.20.1.3\n127.20.1.4\n")
	corefile := lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		check tcp {web}
		interval 100ms
		timeout 100ms
		pool www.lb.example.org {
			member 127.20.1.1
			member 127.20.1.2
			members {files}/members
		}
		pool spare.lb.example.org {
			min_up 4
			all_down addresses 127.20.1.1 127.20.1.2 127.20.1.3 127.20.1.4
			member 127.20.1.1
		}`)
	corefile = strings.NewReplacer("interval 400ms", "", "timeout 400ms", "").Replace(corefile)
	other := strings.NewReplacer(
		"interval 100ms", "interval 150ms", "min_up 4", "min_up 3",
		"www.lb.example.org {", "www.lb.example.org {\npolicy hash\nanswers all",
	).Replace(corefile)
	s := startCoreDNS(t, corefile, "{web}", web.port, "{files}", files)

	end := make(chan struct{})
	var running sync.WaitGroup
	every := func(pause time.Duration, do func(turn int) error) { // nobody waits for what is done, so this may sleep
		running.Go(func() {
			for turn := 0; !isClosed(end); turn++ {
				check(t, do(turn))
				time.Sleep(pause)
			}
		})
	}
	every(30*time.Millisecond, func(turn int) error {
		if turn%2 == 0 {
			web.stop("127.20.1.2")
			return nil
		}
		return web.listen("127.20.1.2")
	})
	every(time.Second, func(turn int) error {
		list := []string{"127.20.1.3\n127.20.1.4\n", "127.20.1.4\n", "127.20.1.4\n127.20.1.3 id x\n"}[turn%3]
		return os.WriteFile(files+"/members", []byte(list), 0o600)
	})
	every(0, func(turn int) error {
		addr := addrs[turn%len(addrs)]
		if r, err := s.at("admin").try("PUT /v1/blocklist?force=1", addr); err != nil || r.status != 200 {
			return fmt.Errorf("block of %s: %v %d %s", addr, err, r.status, r.body)
		}
		for range 10 {
			for _, pool := range []string{"www.lb.example.org.", "spare.lb.example.org."} {
				r, err := dns.Exchange(question(pool, dns.TypeA), "127.0.0.1:"+s.ports["dns"])
				switch {
				case err != nil:
					return err
				case slices.Contains(addresses(r), addr):
					return fmt.Errorf("%s is blocked, and %s is answered with %v", addr, pool, addresses(r))
				case len(r.Answer) == 0 || r.Rcode != dns.RcodeSuccess:
					return fmt.Errorf("%s has no answer:\n%v", pool, r)
				}
			}
		}
		return nil
	})
	for began := time.Now(); time.Since(began) < 4*time.Second; {
		s.reload(t, other)
		s.reload(t, corefile)
		if said, err := s.tryReload(t, strings.Replace(corefile, "{dir}/state", "{dir}/other", 1)); err == nil {
			t.Errorf("another state directory was taken:\n%s", said)
		}
	}
	close(end)
	running.Wait()
}

// The reload plugin looks at the Corefile by itself.
func TestReloadPlugin(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.20.2.1", "127.20.2.2")
	corefile := lb(`
		pool www.lb.example.org {
			check tcp {web}
			member 127.20.2.1
		}`, "reload 2s 1s")
	s := startCoreDNS(t, corefile, "{web}", web.port)
	must(t, s.dig(t, "www.lb.example.org").names("127.20.2.1"))
	s.write(t, strings.Replace(corefile, "127.20.2.1", "127.20.2.2", 1))
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.20.2.2") })
}
