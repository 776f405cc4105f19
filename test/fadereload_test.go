package test

import (
	"fmt"
	"testing"
)

// fade_in is about members that come up: a reload that says it for the first time, or makes it longer, takes nothing from those that are up
// and had their whole share.
func TestFadeInDoesNotBeginWithReload(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.32.3.1", "127.32.3.2")
	corefile := func(fadeIn string) string {
		return lb(`
		admin 127.0.0.1:{admin}
		check tcp {web}
		pool www.lb.example.org {
			policy weighted
			` + fadeIn + `
			member 127.32.3.1
			member 127.32.3.2
		}`)
	}
	s := startCoreDNS(t, corefile(""), "{web}", web.port)
	p := s.picker(t)
	even := func() error {
		got := fmt.Sprint(p.counts("www.lb.example.org", 40))
		return want(got == "map[127.32.3.1:20 127.32.3.2:20]", "40 answers name %s", got)
	}
	web.stop("127.32.3.2")
	eventually(t, func() error {
		return want(p.counts("www.lb.example.org", 4)["127.32.3.2"] == 0, "127.32.3.2 is answered with")
	})
	web.start(t, "127.32.3.2")
	eventually(t, even)
	for _, fadeIn := range []string{"fade_in 1h", "fade_in 2h", "fade_in off", "fade_in 1d"} {
		s.reload(t, corefile(fadeIn))
		if err := even(); err != nil {
			t.Errorf("%s: %v", fadeIn, err)
		}
	}
}
