package config

import (
	"net/netip"
	"strings"
	"testing"

	"example.org/healthlb/plugin/healthlb/pool"
)

var (
	addr4  = netip.MustParseAddr("192.0.2.1")
	addr6  = netip.MustParseAddr("2001:db8::1")
	probe4 = netip.MustParseAddr("10.0.0.1")
	probe6 = netip.MustParseAddr("fd00::1")
)

func second(p *Pool) any { return p.Members[1] }

var rightMembers = []right[*Pool]{
	{"member 192.0.2.1", second, pool.Member{ID: "192.0.2.1", V4: addr4, Weight: 1}},
	{"member 2001:DB8::1", second, pool.Member{ID: "2001:db8::1", V6: addr6, Weight: 1}},
	{"member 192.0.2.1 2001:db8::1", second, pool.Member{ID: "192.0.2.1", V4: addr4, V6: addr6, Weight: 1}},
	{"member 2001:db8::1 192.0.2.1", second, pool.Member{ID: "2001:db8::1", V4: addr4, V6: addr6, Weight: 1}},
	{"member 192.0.2.1 id web-1.A_b:c", second, pool.Member{ID: "web-1.A_b:c", V4: addr4, Weight: 1}},
	{"member 192.0.2.1 region eu-west", second, pool.Member{ID: "192.0.2.1", V4: addr4, Region: "eu-west", Weight: 1}},
	{"member 192.0.2.1 port 8443", second, pool.Member{ID: "192.0.2.1", V4: addr4, Port: 8443, Weight: 1}},
	{"member 192.0.2.1 port 1\ncheck tcp 80", second, pool.Member{ID: "192.0.2.1", V4: addr4, Port: 1, Weight: 1}},
	{"member 192.0.2.1 probe_address 10.0.0.1", second, pool.Member{ID: "192.0.2.1", V4: addr4, Probe4: probe4, Weight: 1}},
	{"member 192.0.2.1 weight 0", second, pool.Member{ID: "192.0.2.1", V4: addr4}},
	{"member 192.0.2.1 weight 65535", second, pool.Member{ID: "192.0.2.1", V4: addr4, Weight: 65535}},
	{"member 192.0.2.1 priority 1", second, pool.Member{ID: "192.0.2.1", V4: addr4, Weight: 1, Priority: 1}},
	{"member 192.0.2.1 priority 65535 weight 3", second,
		pool.Member{ID: "192.0.2.1", V4: addr4, Weight: 3, Priority: 65535}},
	{"member 192.0.2.1 2001:db8::1 probe_address fd00::1 id a probe_address 10.0.0.1 region r port 5", second,
		pool.Member{ID: "a", V4: addr4, V6: addr6, Probe4: probe4, Probe6: probe6, Region: "r", Port: 5, Weight: 1}},
}

func TestMembers(t *testing.T) { testRight(t, rightMembers, onlyPool) }

func TestWrongMembers(t *testing.T) { testWrong(t, wrongMembers, inPool) }

var wrongMembers = []wrong{
	{"member", "4: member: says too little; add ADDR"},
	{"member www.example.org",
		"4: member www.example.org: is no IP address; write one like 192.0.2.10 or 2001:db8::10; names are not " +
			"resolved"},
	{"member 0.0.0.0",
		"4: member 0.0.0.0: is the unspecified address, which no server can have; write the server's own address"},
	{"member ::", "4: member ::: is the unspecified address, which no server can have; write the server's own address"},
	{"member 224.0.0.1",
		"4: member 224.0.0.1: is a multicast address, which no server can have; write the server's own address"},
	{"member ff02::1", "4: member ff02::1: is a multicast address, which no server can have; write the server's own address"},
	{"member ::ffff:192.0.2.1",
		"4: member ::ffff:192.0.2.1: is an IPv4-mapped IPv6 address, which no server can have; write the server's " +
			"own address"},
	{"member 255.255.255.255",
		"4: member 255.255.255.255: is the limited broadcast address, which no server can have; write the " +
			"server's own address"},
	{"member fe80::1%eth0",
		"4: member fe80::1%eth0: is an address with a zone identifier, which no server can have; write the " +
			"server's own address"},
	{"member 192.0.2.1/24",
		"4: member 192.0.2.1/24: is no IP address; write one like 192.0.2.10 or 2001:db8::10; names are not " +
			"resolved"},
	{"member 192.0.2.300",
		"4: member 192.0.2.300: is no IP address; write one like 192.0.2.10 or 2001:db8::10; names are not " +
			"resolved"},
	{"member 192.0.2.1 192.0.2.2",
		"4: member 192.0.2.1 192.0.2.2: is a second A address; a member is one server with at most one address of " +
			"each family; write another member"},
	{"member 2001:db8::1 2001:db8::2",
		"4: member 2001:db8::1 2001:db8::2: is a second AAAA address; a member is one server with at most one " +
			"address of each family; write another member"},
	{"member 192.0.2.1 2001:db8::1 192.0.2.2",
		"4: member 192.0.2.1 2001:db8::1 192.0.2.2: is a second A address; a member is one server with at most " +
			"one address of each family; write another member"},
	{"member 192.0.2.1 2001:db8::g",
		"4: member 192.0.2.1 2001:db8::g: is no IP address; write one like 192.0.2.10 or 2001:db8::10; names are not " +
			"resolved"},
	{"member 192.0.2.1 weigth 3",
		"4: member 192.0.2.1 weigth: is not known for a member; did you mean weight? allowed: " + memberWords},
	{"member 192.0.2.1 draining", "4: member 192.0.2.1 draining: is not known for a member; allowed: " + memberWords},
	{"member 192.0.2.1 weight", "4: member 192.0.2.1 weight: says too little; add N"},
	{"member 192.0.2.1 weight -1", "4: member 192.0.2.1 weight -1: is no number in range; allowed: 0 to 65535"},
	{"member 192.0.2.1 weight 65536", "4: member 192.0.2.1 weight 65536: is no number in range; allowed: 0 to 65535"},
	{"member 192.0.2.1 weight 1.5", "4: member 192.0.2.1 weight 1.5: is no number in range; allowed: 0 to 65535"},
	{"member 192.0.2.1 weight 1 weight 1",
		"4: member 192.0.2.1 weight 1 weight: was said before, at Testfile:4; say it once"},
	{"member 192.0.2.1 priority 0", "4: member 192.0.2.1 priority 0: is no number in range; allowed: 1 to 65535"},
	{"member 192.0.2.1 priority 65536", "4: member 192.0.2.1 priority 65536: is no number in range; allowed: 1 to 65535"},
	{"member 192.0.2.1 priority high", "4: member 192.0.2.1 priority high: is no number in range; allowed: 1 to 65535"},
	{"member 192.0.2.1 id", "4: member 192.0.2.1 id: says too little; add ID"},
	{"member 192.0.2.1 id a/b",
		"4: member 192.0.2.1 id a/b: is not allowed as a name here; use 1 to 63 of A-Z a-z 0-9 . _ : -"},
	{"member 192.0.2.1 id " + strings.Repeat("a", 64) + "",
		"4: member 192.0.2.1 id " + strings.Repeat("a", 64) + ": is not allowed as a name here; use 1 to 63 of A-Z a-z 0-9 . _ : -"},
	{"member 192.0.2.1 id a id b", "4: member 192.0.2.1 id a id: was said before, at Testfile:4; say it once"},
	{"member 192.0.2.1 region a,b",
		"4: member 192.0.2.1 region a,b: is not allowed as a name here; use 1 to 63 of A-Z a-z 0-9 . _ : -"},
	{"member 192.0.2.1 port 0", "4: member 192.0.2.1 port 0: is no port; write a number from 1 to 65535"},
	{"member 192.0.2.1 port 65536", "4: member 192.0.2.1 port 65536: is no port; write a number from 1 to 65535"},
	{"member 192.0.2.1 port http", "4: member 192.0.2.1 port http: is no port; write a number from 1 to 65535"},
	{"member 192.0.2.1 probe_address 2001:db8::1",
		"4: member 192.0.2.1 probe_address 2001:db8::1: stands for an address that the member does not have; give " +
			"the member its AAAA address, or leave this out"},
	{"member 2001:db8::1 probe_address 10.0.0.1",
		"4: member 2001:db8::1 probe_address 10.0.0.1: stands for an address that the member does not have; give " +
			"the member its A address, or leave this out"},
	{"member 192.0.2.1 probe_address 10.0.0.1 probe_address 10.0.0.2",
		"4: member 192.0.2.1 probe_address 10.0.0.1 probe_address 10.0.0.2: is a second A address to probe; write " +
			"at most one of each family"},
	{"member 192.0.2.1 probe_address x",
		"4: member 192.0.2.1 probe_address x: is no IP address; write one like 192.0.2.10 or 2001:db8::10; names " +
			"are not resolved"},
	{"member 192.0.2.1 id x port 80 region r id y",
		"4: member 192.0.2.1 ... region r id: was said before, at Testfile:4; say it once"},
	{"check tcp\ncheck tcp 80\nmember 192.0.2.1 port 80",
		"6: member 192.0.2.1 port 80: has a port, but the pool has several checks, each with its own; leave the " +
			"port out"},
	{"member 192.0.2.10", "4: member 192.0.2.10: has the address 192.0.2.10 of the member at Testfile:3; leave one out"},
	{"member 192.0.2.1 id 192.0.2.10",
		"4: member 192.0.2.1 id 192.0.2.10: is the second member with the id 192.0.2.10, after Testfile:3; give " +
			"it another id"},
	{"member 2001:db8::1 192.0.2.10",
		"4: member 2001:db8::1 192.0.2.10: has the address 192.0.2.10 of the member at Testfile:3; leave one out"},
	{"members", "4: members: says too little; add FILE"},
	{"members /nonexistent", "4: members /nonexistent: no such file or directory"},
	{"members a b", "4: members a b: is one word too many; leave it out, or put words that belong together in double quotes"},
	{"members /dev/null", "4: members /dev/null: is no regular file; write the name of a file with one member a line"},
}
