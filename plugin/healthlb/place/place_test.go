package place

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func entry(prefix, region string) Entry { return Entry{netip.MustParsePrefix(prefix), region} }

func mustNew(tb testing.TB, entries ...Entry) *Table {
	tb.Helper()
	t, err := New(entries)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// own returns the set of the named regions.
func (t *Table) own(names ...string) *Set {
	var s Set
	for i, region := range t.Regions() {
		for _, name := range names {
			if region == name {
				s.Add(i)
			}
		}
	}
	return &s
}

func TestFind(t *testing.T) {
	world := []Entry{
		entry("10.0.0.0/8", "hq"), entry("10.1.0.0/16", "eu"), entry("10.1.2.0/24", "us"), entry("10.1.3.0/24", "us"),
		entry("192.0.2.77/32", "eu"), entry("2001:db8::/32", "eu"), entry("2001:db8:1::/48", "us"), entry("2001:db8::1/128", "hq"),
	}
	for _, tc := range []struct {
		rule   string
		addr   string
		own    string
		region string
		bits   int
	}{
		{"the most specific network wins", "10.1.2.3", "hq eu us", "us", 23},
		{"between networks", "10.1.4.1", "hq eu us", "eu", 22 - 0},
		{"outside of them", "10.9.0.1", "hq eu us", "hq", 13},
		{"nowhere, beside a host", "192.0.2.76", "hq eu us", "", 32},
		{"a host", "192.0.2.77", "hq eu us", "eu", 32},
		{"no region is told apart", "10.1.2.3", "", "", 0},
		{"the rest is one", "10.1.2.3", "hq", "", 16},
		{"the rest is one, from above", "10.200.0.1", "us", "", 9},
		{"IPv6", "2001:db8:1::9", "hq eu us", "us", 48},
		{"IPv6 host", "2001:db8::1", "hq eu us", "hq", 128},
		{"IPv6 beside the host", "2001:db8::2", "hq eu us", "eu", 127},
		{"IPv4 networks do not cover IPv6", "::a01:203", "hq eu us", "", 3},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			table := mustNew(t, world...)
			own := table.own(strings.Fields(tc.own)...)
			number, bits := table.Find(netip.MustParseAddr(tc.addr), own)
			region := ""
			if number >= 0 {
				region = table.Regions()[number]
			}
			if region != tc.region || bits != tc.bits {
				t.Errorf("%s: region %q, %d bits; want %q, %d", tc.addr, region, bits, tc.region, tc.bits)
			}
		})
	}
}

func TestRegion(t *testing.T) {
	table := mustNew(t, entry("10.0.0.0/8", "hq"), entry("10.1.0.0/16", "eu"))
	for addr, want := range map[string]string{"10.2.0.1": "hq", "10.1.0.1": "eu", "192.0.2.1": "", "::1": ""} {
		if got := table.Region(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}

func TestFindNothing(t *testing.T) {
	table := mustNew(t)
	if region, bits := table.Find(netip.MustParseAddr("192.0.2.1"), &Set{}); region != -1 || bits != 0 {
		t.Errorf("an empty table: region %d, %d bits", region, bits)
	}
	if region, bits := table.Find(netip.Addr{}, &Set{}); region != -1 || bits != 0 {
		t.Errorf("no address: region %d, %d bits", region, bits)
	}
	whole := mustNew(t, entry("0.0.0.0/0", "a"), entry("::/0", "b"))
	if region, bits := whole.Find(netip.MustParseAddr("192.0.2.1"), whole.own("a", "b")); region != 0 || bits != 0 {
		t.Errorf("one region for all: region %d, %d bits", region, bits)
	}
}

func TestNewErrors(t *testing.T) {
	var many []Entry
	for i := range MaxRegions + 1 {
		many = append(many, entry("192.0.2.0/24", fmt.Sprint("r", i)))
	}
	for _, tc := range []struct {
		entries []Entry
		want    string
	}{
		{[]Entry{entry("192.0.2.0/24", "a"), entry("10.0.0.0/8", "a"), entry("192.0.2.0/24", "b")}, "192.0.2.0/24 is in two regions, a and b"},
		{[]Entry{entry("2001:db8::/32", "a"), entry("2001:db8::/32", "b")}, "2001:db8::/32 is in two regions, a and b"},
		{many, "there are 257 regions, and a table tells 256 apart"},
		{[]Entry{{Region: "a"}}, "is no network"},
		{[]Entry{entry("192.0.2.1/24", "a")}, "the network is 192.0.2.0/24"},
		{[]Entry{entry("192.0.2.0/24", "")}, "192.0.2.0/24 has no region"},
		{[]Entry{entry("::ffff:192.0.2.0/120", "a")}, "is no network"},
	} {
		if _, err := New(tc.entries); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want an error with %q", err, tc.want)
		}
	}
	mustNew(t, entry("192.0.2.0/24", "a"), entry("192.0.2.0/24", "a")) // saying the same twice is no contradiction
}

// randomEntries are networks from /8 to /24 in 250 regions.
func randomEntries(n int) []Entry {
	random := rand.New(rand.NewPCG(1, 2))
	seen := make(map[netip.Prefix]bool, n)
	entries := make([]Entry, 0, n)
	for len(entries) < n {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], random.Uint32())
		p, _ := netip.AddrFrom4(b).Prefix(8 + random.IntN(17))
		if !seen[p] {
			seen[p] = true
			entries = append(entries, Entry{p, fmt.Sprint("r", random.IntN(250))})
		}
	}
	return entries
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{10, 1000, 1_000_000} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			table := mustNew(b, randomEntries(n)...)
			own := table.own("r1", "r2", "r3", "r4", "r5")
			random := rand.New(rand.NewPCG(3, 4))
			var addrs [4096]netip.Addr
			for i := range addrs {
				var ip [4]byte
				binary.BigEndian.PutUint32(ip[:], random.Uint32())
				addrs[i] = netip.AddrFrom4(ip)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				table.Find(addrs[i%len(addrs)], own)
				i++
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	entries := randomEntries(1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		mustNew(b, entries...)
	}
}
