// Package place knows which region a client's address belongs to.
package place

import (
	"fmt"
	"net/netip"
	"slices"
)

// Entry says that the addresses of a network are in a region, but for those of more specific entries.
type Entry struct {
	Prefix netip.Prefix // without host bits; an IPv4 prefix is not written as IPv6
	Region string
}

// Table finds the regions of addresses. It is immutable.
type Table struct {
	regions []string
	v4, v6  trie
}

// New makes a table. Several entries may say the same, but none may contradict another, and there are at most MaxRegions regions.
func New(entries []Entry) (*Table, error) {
	t := &Table{}
	numbers := make(map[string]int16)
	for _, e := range entries {
		switch {
		case !e.Prefix.IsValid() || e.Prefix.Addr().Is4In6():
			return nil, fmt.Errorf("%s is no network", e.Prefix)
		case e.Prefix != e.Prefix.Masked():
			return nil, fmt.Errorf("%s has bits beyond its prefix: the network is %s", e.Prefix, e.Prefix.Masked())
		case e.Region == "":
			return nil, fmt.Errorf("%s has no region", e.Prefix)
		}
		if _, known := numbers[e.Region]; !known {
			numbers[e.Region] = 0
			t.regions = append(t.regions, e.Region)
		}
	}
	if len(t.regions) > MaxRegions {
		return nil, fmt.Errorf("there are %d regions, and a table tells %d apart", len(t.regions), MaxRegions)
	}
	slices.Sort(t.regions)
	for i, region := range t.regions {
		numbers[region] = int16(i)
	}
	var items4, items6 []item
	for _, e := range entries {
		it := item{keyOf(e.Prefix.Addr()), uint8(e.Prefix.Bits()), numbers[e.Region]}
		if e.Prefix.Addr().Is4() {
			items4 = append(items4, it)
		} else {
			items6 = append(items6, it)
		}
	}
	sets := newInterned()
	for _, family := range []struct {
		items []item
		trie  *trie
		bits  int
	}{{items4, &t.v4, 32}, {items6, &t.v6, 128}} {
		items, conflict := sorted(family.items)
		if conflict != nil {
			return nil, fmt.Errorf("%s is in two regions, %s and %s", prefixOf(conflict[0], family.bits), t.regions[conflict[0].region], t.regions[conflict[1].region])
		}
		*family.trie = newTrie(items, family.bits, sets)
	}
	t.v4.sets, t.v6.sets = sets.all, sets.all
	return t, nil
}

// Regions are the names of the regions, in alphabetical order. A region's number is its index.
func (t *Table) Regions() []string { return t.regions }

// Find returns the number of the region that an address is in, if it is one of own, else -1. bits is the length of the shortest prefix
// of the address of which every address gets the same: from 0 to 32 or 128.
func (t *Table) Find(addr netip.Addr, own *Set) (region, bits int) {
	switch {
	case !addr.IsValid():
		return -1, 0
	case addr.Is4():
		return t.v4.find(keyOf(addr), own)
	default:
		return t.v6.find(keyOf(addr), own)
	}
}

// Region returns the name of the region that an address is in, empty when it is in none.
func (t *Table) Region(addr netip.Addr) string {
	var all Set
	for i := range all {
		all[i] = ^uint64(0)
	}
	if number, _ := t.Find(addr, &all); number >= 0 {
		return t.regions[number]
	}
	return ""
}
