package block

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestOmitsReturnsTheMostSpecificOrder(t *testing.T) {
	parse := func(lines string) *Set {
		entries, err := ParseText([]byte(lines), now)
		if err != nil {
			t.Fatal(err)
		}
		return NewSet(entries)
	}
	for _, test := range []struct{ name, lines, addr, pool, want string }{
		{"nothing", "", "192.0.2.7", "a.", ""},
		{"an address in all pools", "192.0.2.7", "192.0.2.7", "a.", "192.0.2.7 mode=omit"},
		{"another address", "192.0.2.7", "192.0.2.8", "a.", ""},
		{"an address in the pool", "192.0.2.7 pool=a.", "192.0.2.7", "a.", "192.0.2.7 pool=a. mode=omit"},
		{"an address in another pool", "192.0.2.7 pool=b.", "192.0.2.7", "a.", ""},
		{"a network", "192.0.2.0/24", "192.0.2.255", "a.", "192.0.2.0/24 mode=omit"},
		{"just outside", "192.0.2.0/24", "192.0.3.0", "a.", ""},
		{"everything of IPv4", "0.0.0.0/0", "192.0.2.7", "a.", "0.0.0.0/0 mode=omit"},
		{"everything of IPv4 is nothing of IPv6", "0.0.0.0/0", "2001:db8::1", "a.", ""},
		{"everything of IPv6 is nothing of IPv4", "::/0", "192.0.2.7", "a.", ""},
		{"IPv4-mapped is IPv4", "192.0.2.7", "::ffff:192.0.2.7", "a.", "192.0.2.7 mode=omit"},
		{"the longest prefix", "192.0.2.0/24\n192.0.2.7\n192.0.0.0/16", "192.0.2.7", "a.", "192.0.2.7 mode=omit"},
		{"the longest prefix comes before the pool", "192.0.2.0/24 pool=a.\n192.0.2.7", "192.0.2.7", "a.", "192.0.2.7 mode=omit"},
		{"the pool comes before all pools", "192.0.2.7 pool=a.\n192.0.2.7", "192.0.2.7", "a.", "192.0.2.7 pool=a. mode=omit"},
		{"the permanent one of several owners", "192.0.2.7 owner=a for=1h\n192.0.2.7 owner=b\n192.0.2.7 owner=c for=2h",
			"192.0.2.7", "a.", "192.0.2.7 owner=b mode=omit"},
		{"the longest one of several owners", "192.0.2.7 owner=b for=1h\n192.0.2.7 owner=a for=2h",
			"192.0.2.7", "a.", "192.0.2.7 until=2026-05-04T05:02:02Z owner=a mode=omit"},
		{"no-register omits nothing", "192.0.2.7 mode=no-register", "192.0.2.7", "a.", ""},
		{"no-register hides no omit", "192.0.2.7 mode=no-register\n192.0.2.0/24", "192.0.2.7", "a.", "192.0.2.0/24 mode=omit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, omitted := parse(test.lines).Omits(netip.MustParseAddr(test.addr), test.pool)
			got := ""
			if omitted {
				got = e.String()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestNilSetIsEmpty(t *testing.T) {
	var s *Set
	if _, omitted := s.Omits(netip.MustParseAddr("192.0.2.7"), "a."); omitted {
		t.Error("omits")
	}
	if _, expires := s.NextExpiry(); expires || s.Len() != 0 || s.Entries() != nil || s.Expired(now) != nil || Diff(s, nil) != nil {
		t.Error("not empty")
	}
	if _, omitted := NewSet([]Entry{{Prefix: netip.MustParsePrefix("::/0"), Mode: Omit}}).Omits(netip.Addr{}, "a."); omitted {
		t.Error("omits no address at all")
	}
}

func TestLastEntryOfAKeyCounts(t *testing.T) {
	e := Entry{Prefix: netip.MustParsePrefix("192.0.2.7/32"), Mode: Omit, Reason: "first"}
	again := e
	again.Reason = "last"
	if got := NewSet([]Entry{e, again}).Entries(); len(got) != 1 || got[0].Reason != "last" {
		t.Errorf("got %v", got)
	}
}

func TestExpiry(t *testing.T) {
	entry := func(addr string, until time.Time) Entry {
		return Entry{Prefix: netip.PrefixFrom(netip.MustParseAddr(addr), 32), Mode: Omit, Until: until}
	}
	s := NewSet([]Entry{entry("192.0.2.3", in(2*time.Hour)), entry("192.0.2.1", time.Time{}), entry("192.0.2.2", in(time.Hour))})
	next, expires := s.NextExpiry()
	if !expires || next != in(time.Hour) {
		t.Fatalf("next expiry %v, %v", next, expires)
	}
	if got := s.Expired(next.Add(-1)); len(got) != 0 {
		t.Errorf("expired before its time: %v", got)
	}
	if got := s.Expired(next); len(got) != 1 || got[0].Address() != "192.0.2.2" {
		t.Errorf("at its time: %v", got)
	}
	if got := s.Expired(in(3 * time.Hour)); len(got) != 2 {
		t.Errorf("expired in the end: %v", got)
	}
}

// omitsNaively is Omits as its comment says it, entry by entry.
func omitsNaively(entries []Entry, addr netip.Addr, pool string) (best Entry, found bool) {
	for _, e := range entries {
		if e.Mode != Omit || e.Pool != "" && e.Pool != pool || !e.Prefix.Contains(addr) {
			continue
		}
		better := e.Prefix.Bits() - best.Prefix.Bits()
		if better == 0 {
			better = len(e.Pool) - len(best.Pool)
		}
		if !found || better > 0 || better == 0 && outlasts(e, best) {
			best, found = e, true
		}
	}
	return best, found
}

func TestSetAgainstTheNaiveOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawEntries(t)
		s := NewSet(entries)
		if err := same(s.Entries(), slices.SortedFunc(slices.Values(entries), Compare)); err != nil {
			t.Fatal(err)
		}
		addr, pool := drawAddr(t), rapid.SampledFrom(pools[1:]).Draw(t, "asked pool")
		got, omitted := s.Omits(addr, pool)
		want, wanted := omitsNaively(s.Entries(), addr, pool)
		if omitted != wanted || omitted && !got.Equal(want) {
			t.Fatalf("%v in %s: got %v %v, want %v %v", addr, pool, got, omitted, want, wanted)
		}
		next, expires := s.NextExpiry()
		for _, e := range entries {
			if !e.Until.IsZero() && (!expires || e.Until.Before(next)) {
				t.Fatalf("%v expires before %v", e, next)
			}
		}
	})
}

func TestDiffHoldsEveryPlaceThatChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := NewSet(drawEntries(t)), NewSet(drawEntries(t))
		if rapid.Bool().Draw(t, "related") {
			kept := before.Entries()[:rapid.IntRange(0, before.Len()).Draw(t, "kept")]
			after = NewSet(append(kept, after.Entries()...))
		}
		diff := Diff(before, after)
		if !slices.IsSortedFunc(diff, Compare) {
			t.Fatalf("not in order: %v", diff)
		}
		if err := same(Diff(before, before), nil); err != nil {
			t.Fatal(err)
		}
		for _, e := range diff {
			in := func(s *Set) bool { return slices.ContainsFunc(s.Entries(), e.Equal) }
			if in(before) == in(after) {
				t.Fatalf("%v is in both or neither", e)
			}
		}
		addr, pool := drawAddr(t), rapid.SampledFrom(pools[1:]).Draw(t, "asked pool")
		was, _ := before.Omits(addr, pool)
		is, _ := after.Omits(addr, pool)
		touched := slices.ContainsFunc(diff, func(e Entry) bool { return e.Prefix.Contains(addr) && (e.Pool == "" || e.Pool == pool) })
		if !was.Equal(is) && !touched {
			t.Fatalf("%v in %s: was %v, is %v, and Diff has nothing of it: %v", addr, pool, was, is, diff)
		}
	})
}

func TestKeysAreDistinctAndOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawEntry(t), drawEntry(t)
		if (a.Key() == b.Key()) != (Compare(a, b) == 0) || Compare(a, b) != -Compare(b, a) {
			t.Fatalf("%q, %q: %d, %d", a.Key(), b.Key(), Compare(a, b), Compare(b, a))
		}
	})
}

// large is a set of 100,000 entries of 8 prefix lengths per family.
func large() *Set {
	var entries []Entry
	for i := range 50_000 {
		v4 := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		a := netip.MustParseAddr("2001:db8::").As16()
		a[5], a[6], a[7] = byte(i>>16), byte(i>>8), byte(i)
		entries = append(entries, Entry{Prefix: netip.PrefixFrom(v4, 32-i%8).Masked(), Pool: fmt.Sprintf("p%d.", i), Mode: Omit},
			Entry{Prefix: netip.PrefixFrom(netip.AddrFrom16(a), 64-i%8).Masked(), Pool: fmt.Sprintf("p%d.", i), Mode: Omit})
	}
	return NewSet(entries)
}

func TestLookUpAllocatesNothing(t *testing.T) {
	s, addr := large(), netip.MustParseAddr("10.0.3.7")
	if n := testing.AllocsPerRun(100, func() { s.Omits(addr, "www.lb.example.") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkOmits(b *testing.B) {
	s, addr := large(), netip.MustParseAddr("10.0.3.7")
	b.ReportAllocs()
	for b.Loop() {
		s.Omits(addr, "www.lb.example.")
	}
}

func BenchmarkNewSet(b *testing.B) {
	entries := large().Entries()
	b.ReportAllocs()
	for b.Loop() {
		NewSet(entries)
	}
}
