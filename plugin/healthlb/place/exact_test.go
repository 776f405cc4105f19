package place

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var someRegions = []string{"east", "north", "south", "west"}

// flipped returns an address with one bit changed.
func flipped(a netip.Addr, bit int) netip.Addr {
	b := a.AsSlice()
	b[bit/8] ^= 0x80 >> (bit % 8)
	changed, _ := netip.AddrFromSlice(b)
	return changed
}

// consistent leaves out entries that contradict one before them.
func consistent(entries []Entry) []Entry {
	said := make(map[netip.Prefix]string)
	return slices.DeleteFunc(entries, func(e Entry) bool {
		before, known := said[e.Prefix]
		if !known {
			said[e.Prefix] = e.Region
		}
		return known && before != e.Region
	})
}

func check(r *rapid.T, t *Table, s scan, addr netip.Addr, examples []netip.Addr) {
	r.Helper()
	region, bits := t.Find(addr, setOf(t, s.own...))
	class := ""
	if region >= 0 {
		class = t.Regions()[region]
	}
	if want, wantBits := s.class(addr), s.bits(addr, examples); class != want || bits != wantBits {
		r.Fatalf("entries %v, own %q: %s is in %q, %d bits; want %q, %d bits", s.entries, s.own, addr, class, bits, want, wantBits)
	}
}

// TestExactInSmallUniverse asks for every address of a network of at most 256, of which only parts of it have entries, and one outside.
func TestExactInSmallUniverse(t *testing.T) {
	for _, universe := range []string{"192.0.2.0/24", "255.255.255.240/28", "0.0.0.0/25", "2001:db8::ff00/120", "::/121"} {
		t.Run(universe, func(t *testing.T) {
			u := netip.MustParsePrefix(universe)
			var all []netip.Addr
			for a := u.Addr(); u.Contains(a); a = a.Next() {
				all = append(all, a)
			}
			for bit := range u.Bits() { // without entries all addresses that first differ there are alike
				all = append(all, flipped(u.Addr(), bit))
			}
			rapid.Check(t, func(r *rapid.T) {
				entry := rapid.Custom(func(r *rapid.T) Entry {
					bits := rapid.IntRange(u.Bits(), u.Addr().BitLen()).Draw(r, "bits")
					addr := rapid.SampledFrom(all[:len(all)-u.Bits()]).Draw(r, "addr")
					return Entry{netip.PrefixFrom(addr, bits).Masked(), rapid.SampledFrom(someRegions).Draw(r, "region")}
				})
				entries := consistent(rapid.SliceOfN(entry, 0, 12).Draw(r, "entries"))
				own := rapid.SliceOfDistinct(rapid.SampledFrom(someRegions), rapid.ID[string]).Draw(r, "own")
				table, err := New(entries)
				if err != nil {
					r.Fatal(err)
				}
				for range 4 {
					check(r, table, scan{entries, own}, rapid.SampledFrom(all).Draw(r, "addr"), all)
				}
			})
		})
	}
}

// TestExactInNests asks for addresses near the edges of networks that lie within each other, of any length.
func TestExactInNests(t *testing.T) {
	for _, family := range []string{"192.0.2.77", "2001:db8::5a:0:1"} {
		t.Run(family, func(t *testing.T) {
			base := netip.MustParseAddr(family)
			near := rapid.Custom(func(r *rapid.T) netip.Addr {
				addr := base
				for _, bit := range rapid.SliceOfN(rapid.IntRange(0, base.BitLen()-1), 0, 3).Draw(r, "flips") {
					addr = flipped(addr, bit)
				}
				return addr
			})
			entry := rapid.Custom(func(r *rapid.T) Entry {
				bits := rapid.IntRange(0, base.BitLen()).Draw(r, "bits")
				return Entry{netip.PrefixFrom(near.Draw(r, "addr"), bits).Masked(), rapid.SampledFrom(someRegions).Draw(r, "region")}
			})
			rapid.Check(t, func(r *rapid.T) {
				entries := consistent(rapid.SliceOfN(entry, 0, 16).Draw(r, "entries"))
				own := rapid.SliceOfDistinct(rapid.SampledFrom(someRegions), rapid.ID[string]).Draw(r, "own")
				table, err := New(entries)
				if err != nil {
					r.Fatal(err)
				}
				addrs := []netip.Addr{near.Draw(r, "addr")}
				for _, e := range entries {
					first, last := ends(e.Prefix)
					addrs = append(addrs, first, last)
					if next := last.Next(); next.IsValid() {
						addrs = append(addrs, next)
					}
				}
				for range 4 {
					addr := rapid.SampledFrom(addrs).Draw(r, "asked")
					check(r, table, scan{entries, own}, addr, edges(entries, addr))
				}
			})
		})
	}
}
