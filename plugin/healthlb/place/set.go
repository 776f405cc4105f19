package place

import "math/bits"

// MaxRegions is how many regions a Table can tell apart: as many as there are countries (249 in ISO 3166-1), and some.
const MaxRegions = 256

// Set is a set of regions, by their numbers.
type Set [MaxRegions / 64]uint64

// Add puts a region into the set.
func (s *Set) Add(region int) { s[region/64] |= 1 << (region % 64) }

// Has says whether a region is in the set.
func (s *Set) Has(region int) bool { return s[region/64]&(1<<(region%64)) != 0 }

// nowhere stands for addresses that no entry covers.
const nowhere = -1

// labels are the regions that occur among the addresses of a network, and whether there are some that are nowhere.
type labels struct {
	Set
	nowhere bool
}

func (l *labels) add(region int16) {
	if region == nowhere {
		l.nowhere = true
	} else {
		l.Add(int(region))
	}
}

func (l *labels) merge(other *labels) {
	for i := range l.Set {
		l.Set[i] |= other.Set[i]
	}
	l.nowhere = l.nowhere || other.nowhere
}

// class says whether all addresses of these labels get the same where only the regions of own are told from the rest, and what: a
// region's number, or -1.
func (l *labels) class(own *Set) (region int, same bool) {
	region, found, rest := -1, 0, l.nowhere
	for i, word := range l.Set {
		if mine := word & own[i]; mine != 0 {
			found += bits.OnesCount64(mine)
			region = 64*i + bits.TrailingZeros64(mine)
		}
		rest = rest || word&^own[i] != 0
	}
	if found == 0 {
		return -1, true
	}
	return region, found == 1 && !rest
}

// interned keeps each distinct labels once: a table of a million networks has few.
type interned struct {
	all    []labels
	number map[labels]int32
}

func newInterned() *interned { return &interned{number: make(map[labels]int32)} }

func (in *interned) of(l labels) int32 {
	n, known := in.number[l]
	if !known {
		n = int32(len(in.all))
		in.all, in.number[l] = append(in.all, l), n
	}
	return n
}
