package place

import (
	"net/netip"
	"slices"
)

// setOf makes a set of those names that the table knows.
func setOf(t *Table, names ...string) *Set {
	var s Set
	for _, name := range names {
		if i := slices.Index(t.Regions(), name); i >= 0 {
			s.Add(i)
		}
	}
	return &s
}

// scan is a naive oracle: it looks at all entries, one by one, for every question.
type scan struct {
	entries []Entry
	own     []string
}

// class returns the region of an address if it is one of own, else "".
func (s scan) class(addr netip.Addr) string {
	region, longest := "", -1
	for _, e := range s.entries {
		if e.Prefix.Contains(addr) && e.Prefix.Bits() > longest {
			region, longest = e.Region, e.Prefix.Bits()
		}
	}
	if !slices.Contains(s.own, region) {
		return ""
	}
	return region
}

// bits tries one length after the other. examples must have, for each of the prefixes of addr and each class in it, an address.
func (s scan) bits(addr netip.Addr, examples []netip.Addr) int {
	class := s.class(addr)
	for bits := range addr.BitLen() {
		p := netip.PrefixFrom(addr, bits)
		if !slices.ContainsFunc(examples, func(a netip.Addr) bool { return p.Contains(a) && s.class(a) != class }) {
			return bits
		}
	}
	return addr.BitLen()
}

// edges returns the addresses at which the class may change, on both sides of each edge: between two of them it is the same. With the
// ends of a prefix of an address, which are added here too, they are examples for scan.bits.
func edges(entries []Entry, addr netip.Addr) []netip.Addr {
	var all []netip.Addr
	add := func(p netip.Prefix) {
		first, last := ends(p)
		for _, a := range []netip.Addr{first.Prev(), first, last, last.Next()} {
			if a.IsValid() {
				all = append(all, a)
			}
		}
	}
	for _, e := range entries {
		add(e.Prefix)
	}
	for bits := range addr.BitLen() + 1 {
		add(netip.PrefixFrom(addr, bits))
	}
	return all
}

// ends returns the first and the last address of a prefix.
func ends(p netip.Prefix) (first, last netip.Addr) {
	first = p.Masked().Addr()
	b := first.AsSlice()
	for i := p.Bits(); i < first.BitLen(); i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	last, _ = netip.AddrFromSlice(b)
	return first, last
}
