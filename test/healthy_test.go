package test

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

func TestOnlyHealthyMembersAreAnswered(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.1.1.1", "127.1.1.2", "127.1.1.3")
	web.stop("127.1.1.3")
	s := startCoreDNS(t, lb(`
		pool www.lb.example.org {
			check tcp {web}
			rise 3
			member 127.1.1.1
			member 127.1.1.2
			member 127.1.1.3
		}`), "{web}", web.port)

	must(t, s.dig(t, "www.lb.example.org").names("127.1.1.1", "127.1.1.2"))

	web.stop("127.1.1.2")
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.1.1.1") })

	before := web.count("127.1.1.2")
	web.start(t, "127.1.1.2")
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.1.1.1", "127.1.1.2") })
	if probes := web.count("127.1.1.2") - before; probes < 3 {
		t.Errorf("back after %d probes, but rise is 3", probes)
	}
}

func TestFirstAnswerIsRight(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.1.2.1", "127.1.2.3")
	for range 10 {
		s := prepare(t, lb(`
			check tcp {web}
			pool www.lb.example.org {
				member 127.1.2.1
				member 127.1.2.2
				member 127.1.2.3
			}`), "{web}", web.port)
		s.launch(t)
		r := s.firstAnswer(t, "www.lb.example.org")
		if got := addresses(r); r.Rcode != dns.RcodeSuccess || !slices.Equal(got, []string{"127.1.2.1", "127.1.2.3"}) {
			t.Errorf("the first answer is\n%v", r)
		}
		s.kill(t) // so soon after the start CoreDNS may not listen for signals yet
	}
}

// A member that never says what is expected of it hangs until its timeout.
func TestHangingMemberDelaysNobody(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.1.3.1", "127.1.3.2").say("hello")
	dumb := startMembers(t, "127.1.3.9", "127.1.3.10", "127.1.3.11")
	s := startCoreDNS(t, lb(`
		check tcp {web} expect hello
		pool www.lb.example.org {
			member 127.1.3.1
			member 127.1.3.2
			member 127.1.3.9 port {dumb}
			member 127.1.3.10 port {dumb}
			member 127.1.3.11 port {dumb}
		}
		pool slow.lb.example.org {
			interval 20s
			timeout 3s
			member 127.1.3.9 port {dumb}
			member 127.1.3.10 port {dumb}
			member 127.1.3.11 port {dumb}
		}`), "{web}", web.port, "{dumb}", dumb.port)

	must(t, s.dig(t, "www.lb.example.org").names("127.1.3.1", "127.1.3.2"))
	alone := web.times("127.1.3.1")
	web.stop("127.1.3.2")
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.1.3.1") })
	if rounds := web.count("127.1.3.1") - len(alone); rounds > 6 {
		t.Errorf("the other member was probed %d times until the loss of one was seen", rounds)
	}
}
