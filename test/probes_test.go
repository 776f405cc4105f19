package test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Two pools with equal targets share one probe; a third with another check does not.
func TestEqualTargetsAreProbedOnce(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.15.1.1").say("hello")
	s := startCoreDNS(t, strings.NewReplacer("interval 400ms", "interval 100ms", "timeout 400ms", "timeout 100ms").Replace(lb(`
		check tcp {web}
		pool one.lb.example.org {
			member 127.15.1.1
		}
		pool two.lb.example.org {
			failures 5
			rise 3
			policy hash
			ttl 5s
			member 127.15.1.1 id another-name
		}
		pool three.lb.example.org {
			member 192.0.2.1 probe_address 127.15.1.1
		}`)), "{web}", web.port)

	// The second probe comes any time within the interval, so that targets do not stay together; each wait after it is of 75 to 125 ms.
	const probes = 20
	eventually(t, func() error { return want(web.count("127.15.1.1") >= probes+2, "%d probes", web.count("127.15.1.1")) })
	times := web.times("127.15.1.1")
	if took := times[probes+1].Sub(times[1]); took < probes*75*time.Millisecond || took > probes*125*time.Millisecond+2*time.Second {
		t.Errorf("%d probes in %v, with an interval of 100 ms", probes, took)
	}
	early := 0
	for i := 2; i < len(times); i++ {
		if times[i].Sub(times[i-1]) < 60*time.Millisecond { // the member may be late to see one
			early++
		}
	}
	check(t, want(early <= len(times)/10, "%d of %d probes came early", early, len(times)))

	web.stop("127.15.1.1")
	eventually(t, func() error { return want(s.dig(t, "one.lb.example.org").ede == ede, "one is not down") })
	eventually(t, func() error { return want(s.dig(t, "two.lb.example.org").ede == ede, "two is not down") })
	eventually(t, func() error { return want(s.dig(t, "three.lb.example.org").ede == ede, "three is not down") })
}

func TestProbesLeaveNoTimeWait(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.15.2.1", "127.15.2.2", "::1").say("220 ready\r\n")
	s := startCoreDNS(t, strings.NewReplacer("interval 400ms", "interval 100ms", "timeout 400ms", "timeout 100ms").Replace(lb(`
		pool plain.lb.example.org {
			check tcp {web}
			member 127.15.2.1 ::1
		}
		pool expect.lb.example.org {
			check tcp {web} send "NOOP\r\n" expect "220 "
			member 127.15.2.2
		}`)), "{web}", web.port)
	for _, addr := range []string{"127.15.2.1", "127.15.2.2", "::1"} {
		eventually(t, func() error { return want(web.count(addr) >= 20, "%d probes of %s", web.count(addr), addr) })
	}
	check(t, s.dig(t, "expect.lb.example.org").names("127.15.2.2"))
	noTimeWait(t, web.port)
}

// noTimeWait checks that no connection from or to a port is in TIME_WAIT.
func noTimeWait(t *testing.T, of string) {
	t.Helper()
	port, err := strconv.Atoi(of)
	must(t, err)
	hex := fmt.Sprintf(":%04X", port)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		must(t, err)
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			const timeWait = "06"
			if words[3] == timeWait && (strings.HasSuffix(words[1], hex) || strings.HasSuffix(words[2], hex)) {
				t.Errorf("TIME_WAIT: %s", line)
			}
		}
	}
}
