package config

import (
	"math"
	"testing"
)

func blockOf(t *testing.T, lines string) *Block {
	t.Helper()
	return mustParse(t, inBlock(lines))
}

func nameServers(b *Block) any { return b.NS }
func soa(b *Block) any         { return b.SOA }

var rightZoneLines = []right[*Block]{
	{"", nameServers, []NameServer(nil)},
	{"ns ns1.example.net NS2.example.net.", nameServers, []NameServer{{Name: "ns1.example.net."}, {Name: "ns2.example.net."}}},
	{"ns ns1.lb.example.org 192.0.2.1 2001:db8::1 ns2.lb.example.org 192.0.2.2", nameServers, []NameServer{
		{Name: "ns1.lb.example.org.", Addrs: addrs("192.0.2.1", "2001:db8::1")},
		{Name: "ns2.lb.example.org.", Addrs: addrs("192.0.2.2")},
	}},
	{"ns www.lb.example.org", func(b *Block) any { return b.Warnings }, []string(nil)}, // the pool answers
	{"ns ns1.lb.example.org ns1.example.net", func(b *Block) any { return b.Warnings }, []string{
		"Testfile:4: ns ns1.lb.example.org: is inside the zone without an address, so resolvers cannot find it; " +
			"write its addresses behind it"}},

	{"", soa, SOA{Refresh: 60, Retry: 15, Expire: 86400, Negative: 5}},
	{"soa negative 1s mbox Ops.example.org refresh 1h", soa,
		SOA{Mbox: "ops.example.org.", Refresh: 3600, Retry: 15, Expire: 86400, Negative: 1}},
	{"soa retry 1m expire 2147483647s", soa, SOA{Refresh: 60, Retry: 60, Expire: math.MaxInt32, Negative: 5}},

	{"", func(b *Block) any { return b.Fallthrough }, false},
	{"fallthrough", func(b *Block) any { return b.Fallthrough }, true},
	{"fallthrough", func(b *Block) any { return b.FallthroughZones }, []string(nil)},
	{"fallthrough A.lb.example.org example.org .", func(b *Block) any { return b.FallthroughZones },
		[]string{"a.lb.example.org.", "example.org.", "."}},
}

func TestZoneLines(t *testing.T) { testRight(t, rightZoneLines, blockOf) }

func TestWrongZoneLines(t *testing.T) { testWrong(t, wrongZoneLines, inBlock) }

var wrongZoneLines = []wrong{
	{"ns", "4: ns: says too little; add NAME"},
	{"ns 192.0.2.1", "4: ns 192.0.2.1: is an address without a name before it; write NAME ADDR"},
	{"ns a..b", "4: ns a..b: is no domain name: a label is empty; write labels with one dot between them"},
	{"ns ns1.lb.example.org 192.0.2.999",
		"4: ns ns1.lb.example.org 192.0.2.999: ends like an IPv4 address, and no domain name ends in a number; " +
			"write a name, or a whole address"},
	{"ns ns1.lb.example.org ns1.lb.example.org",
		"4: ns ns1.lb.example.org ns1.lb.example.org: is there twice; write each name once, with all its " +
			"addresses behind it"},
	{"ns *.lb.example.org", "4: ns *.lb.example.org: is a wildcard; only a pool's name may be one, with * as its first label"},
	{"ns ns1.example.net 192.0.2.1",
		"4: ns ns1.example.net: has addresses, but is outside the zones of this server block; leave the addresses " +
			"out: whoever serves its zone answers for the name"},
	{"ns www.lb.example.org 192.0.2.1",
		"4: ns www.lb.example.org: has addresses, and is the pool at Testfile:2; leave the addresses out: the " +
			"pool answers for the name"},
	{"ns ns1.lb.example.org 192.0.2.1 192.0.2.1",
		"4: ns ns1.lb.example.org 192.0.2.1 192.0.2.1: is there twice; name each address once"},
	{"ns a.org\nns b.org", "5: ns: was said before, at Testfile:4; say it once"},
	{"ns ns1.lb.example.org ::",
		"4: ns ns1.lb.example.org ::: is the unspecified address, which no server can have; write the server's " +
			"own address"},
	{"soa", "4: soa: says too little; add mbox NAME, or refresh, retry, expire or negative with a duration"},
	{"soa refresh", "4: soa refresh: says too little; add a duration, for example 5s"},
	{"soa refresh 0s", "4: soa refresh 0s: is out of range; allowed: 1s to 24855d3h14m7s"},
	{"soa retry 1ms", "4: soa retry 1ms: is out of range; allowed: 1s to 24855d3h14m7s"},
	{"soa expire 2147483648s", "4: soa expire 2147483648s: is out of range; allowed: 1s to 24855d3h14m7s"},
	{"soa negative 1.5s", "4: soa negative 1.5s: is no whole number of seconds; write 2s"},
	{"soa mbox a@b.org", "4: soa mbox a@b.org: is a mail address, and not a name as the SOA has it; write a.b.org"},
	{"soa mbox j.doe@b.org",
		"4: soa mbox j.doe@b.org: is a mail address, and not a name as the SOA has it; write a dot for the @, and choose " +
			"a mailbox with no dot before that"},
	{"soa mbox a..b", "4: soa mbox a..b: is no domain name: a label is empty; write labels with one dot between them"},
	{"soa minimum 5s", "4: soa minimum: is not known in an soa line; allowed: expire, mbox, negative, refresh, retry"},
	{"soa retry 1s retry 2s", "4: soa retry 1s retry: was said before, at Testfile:4; say it once"},
	{"fallthrough example.net",
		"4: fallthrough example.net.: is outside the zones of this server block; the zones here are " +
			"lb.example.org."},
	{"fallthrough a..b", "4: fallthrough a..b: is no domain name: a label is empty; write labels with one dot between them"},
}
