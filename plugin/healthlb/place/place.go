// Package place knows which region a client's address belongs to.
package place

import (
	"errors"
	"net/netip"
	"slices"
)

// Entry says that the addresses of a network are in a region, but for those of more specific entries.
type Entry struct {
	Prefix netip.Prefix // without host bits; an IPv4 prefix is not written as IPv6
	Region string
}

// MaxRegions is how many regions a Table can tell apart.
const MaxRegions = 256

// Set is a set of regions, by their numbers.
type Set [MaxRegions / 64]uint64

// Add puts a region into the set.
func (s *Set) Add(region int) { s[region/64] |= 1 << (region % 64) }

// Has says whether a region is in the set.
func (s *Set) Has(region int) bool { return s[region/64]&(1<<(region%64)) != 0 }

// Table finds the regions of addresses. It is immutable.
type Table struct {
	regions []string
	entries []Entry
}

// New makes a table. Several entries may say the same, but none may contradict another; there are at most MaxRegions regions.
func New(entries []Entry) (*Table, error) {
	t := &Table{entries: slices.Clone(entries)}
	for _, e := range entries {
		if !slices.Contains(t.regions, e.Region) {
			t.regions = append(t.regions, e.Region)
		}
	}
	slices.Sort(t.regions)
	if len(t.regions) > MaxRegions {
		return nil, errors.New("too many regions")
	}
	return t, nil
}

// Regions are the names of the regions, in alphabetical order. A region's number is its index.
func (t *Table) Regions() []string { return t.regions }

// Find returns the number of the region that an address is in, if it is one of own, else -1. bits is the length of the shortest prefix
// of the address of which every address gets the same: from 0 to 32 or 128.
func (t *Table) Find(addr netip.Addr, own *Set) (region, bits int) {
	region, best := -1, -1
	for _, e := range t.entries {
		if e.Prefix.Contains(addr) && e.Prefix.Bits() > best {
			best, region = e.Prefix.Bits(), slices.Index(t.regions, e.Region)
		}
	}
	if region >= 0 && !own.Has(region) {
		region = -1
	}
	return region, addr.BitLen()
}
