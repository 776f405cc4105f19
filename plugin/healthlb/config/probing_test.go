package config

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/pool"
)

func flap(p *Pool) any     { return p.Flap }
func tripwire(p *Pool) any { return p.Tripwire }
func source(p *Pool) any   { return p.Source }

func sources(a ...string) (s [pool.Families]netip.Addr) {
	for _, addr := range addrs(a...) {
		s[pool.FamilyOf(addr)] = addr
	}
	return s
}

func TestProbingSettings(t *testing.T) {
	testRight(t, []right[*Pool]{
		{"", flap, time.Minute},
		{"flap 10s", flap, 10 * time.Second},
		{"flap off", flap, time.Duration(0)},
		{"", tripwire, false},
		{"tripwire", tripwire, true},
		{"tripwire off", tripwire, false},
		{"", source, sources()},
		{"source 192.0.2.1", source, sources("192.0.2.1")},
		{"source 2001:db8::1 192.0.2.1", source, sources("192.0.2.1", "2001:db8::1")},
		{"budget 42s", answers, 8}, // the default's worst case
		{"interval 1h\nbudget off", answers, 8},
	}, onlyPool)
}

func TestProbingSettingsOfBlock(t *testing.T) {
	b := mustParse(t, "healthlb {\nflap off\ntripwire\nsource ::1\nbudget 1m\n"+
		"pool a.lb.example.org {\n member 192.0.2.1\n}\n"+
		"pool b.lb.example.org {\n member 192.0.2.1\n flap 2m\n tripwire off\n source 192.0.2.9\n budget off\n interval 1h\n}\n}")
	for i, want := range []struct {
		flap     time.Duration
		tripwire bool
		source   [pool.Families]netip.Addr
	}{{0, true, sources("::1")}, {2 * time.Minute, false, sources("192.0.2.9")}} {
		if p := b.Pools[i]; p.Flap != want.flap || p.Tripwire != want.tripwire || p.Source != want.source {
			t.Errorf("%s: %v %v %v, want %+v", p.Name, p.Flap, p.Tripwire, p.Source, want)
		}
	}
}

func TestWrongProbingSettings(t *testing.T) {
	const server = "; write the server's own address"
	testWrong(t, []wrong{
		{"flap", "4: flap: says too little; add a duration, for example 5s, or off"},
		{"flap on", "4: flap on: is no duration; write a number and its unit, for example 500ms, 5s, 2m, 1h or 1d"},
		{"flap 500ms", "4: flap 500ms: is out of range; allowed: 1s to 1h"},
		{"tripwire on", "4: tripwire on: is not known in a tripwire line; allowed: off"},
		{"tripwire off off", "4: tripwire off off: is one word too many; leave it out, or put words that belong together in double quotes"},
		{"source", "4: source: says too little; add ADDR"},
		{"source eth0", "4: source eth0: is no IP address; write one like 192.0.2.10 or 2001:db8::10; names are not resolved"},
		{"source 0.0.0.0", "4: source 0.0.0.0: is the unspecified address, which no server can have" + server},
		{"source 192.0.2.1 192.0.2.2", "4: source 192.0.2.1 192.0.2.2: is a second A address; name at most one of each family"},
		{"budget 41s", "4: budget 41s: is shorter than the worst case of pool www.lb.example.org. (at Testfile:2), which is 42s: " +
			"1.25 x interval + MIN x timeout + (MIN-1) x confirm + ttl; make one of these smaller, or the budget longer"},
		{"budget 0s", "4: budget 0s: is out of range; allowed: 1s to 1d"},
	}, inPool)
}

func TestIsolation(t *testing.T) {
	for line, want := range map[string]*Isolation{
		"":              nil,
		"isolation off": nil,
		"isolation 60%": {Share: 0.6},
		"isolation 1% witness 192.0.2.1:443 [2001:db8::1]:53": {
			Share: 0.01, Witnesses: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:443"), netip.MustParseAddrPort("[2001:db8::1]:53")},
		},
	} {
		got, err := Combine([]*Block{blockFor(t, "a", line), blockFor(t, "b", "")})
		if err != nil || !reflect.DeepEqual(got.Isolation, want) {
			t.Errorf("%q: got %+v, %v", line, got.Isolation, err)
		}
	}
}

func TestWrongIsolation(t *testing.T) {
	const share = "; write a percentage from 1% to 99%, for example 60%"
	testWrong(t, []wrong{
		{"isolation", "2: isolation: says too little; add SHARE, for example 60%"},
		{"isolation 60", "2: isolation 60: is no share of the targets" + share},
		{"isolation 0%", "2: isolation 0%: is no share of the targets" + share},
		{"isolation 100%", "2: isolation 100%: is no share of the targets" + share},
		{"isolation +6%", "2: isolation +6%: is no share of the targets" + share},
		{"isolation 60% witnes", "2: isolation 60% witnes: is not known in an isolation line; did you mean witness? allowed: witness"},
		{"isolation 60% witness", "2: isolation 60% witness: says too little; add ADDR:PORT"},
		{"isolation 60% witness 192.0.2.1", "2: isolation 60% witness 192.0.2.1: is no address with a port; " +
			"write one like 192.0.2.1:443 or [2001:db8::1]:443; names are not resolved"},
		{"isolation 60% witness 192.0.2.1:0", "2: isolation 60% witness 192.0.2.1:0: has no port; write a number from 1 to 65535 behind the colon"},
		{"isolation 60% witness 224.0.0.1:1", "2: isolation 60% witness 224.0.0.1:1: is a multicast address, which no server can have; " +
			"write the server's own address"},
		{"isolation 60% witness 192.0.2.1:1 192.0.2.1:1", "2: isolation 60% witness 192.0.2.1:1 192.0.2.1:1: is there twice; name each witness once"},
		{"isolation 60%\nisolation 60%", "3: isolation: was said before, at Testfile:2; say it once"},
	}, func(lines string) string {
		return "healthlb {\n" + lines + "\npool www.lb.example.org {\n member 192.0.2.10\n}\n}"
	})
}
