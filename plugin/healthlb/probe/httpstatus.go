package probe

import (
	"math/bits"
	"strconv"
	"strings"
)

// What a StatusSet can hold.
const (
	MinStatus = 100
	MaxStatus = 599
)

// StatusSet is a set of HTTP status codes. The zero value is empty.
type StatusSet [(MaxStatus - MinStatus + 64) / 64]uint64

// Add puts the codes from first to last into the set. Both are MinStatus..MaxStatus.
func (s *StatusSet) Add(first, last int) {
	for i := first - MinStatus; i <= last-MinStatus; i++ {
		s[i/64] |= 1 << (i % 64)
	}
}

// Has says whether a code is in the set. It may be any number.
func (s *StatusSet) Has(code int) bool {
	i := code - MinStatus
	return i >= 0 && code <= MaxStatus && s[i/64]&(1<<(i%64)) != 0
}

// Len is how many codes are in the set.
func (s *StatusSet) Len() (n int) {
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// String writes the set as the Corefile does: 200-299,404.
func (s *StatusSet) String() string {
	var ranges []string
	for first := MinStatus; first <= MaxStatus; first++ {
		if !s.Has(first) {
			continue
		}
		last := first
		for s.Has(last + 1) {
			last++
		}
		text := strconv.Itoa(first)
		if last > first {
			text += "-" + strconv.Itoa(last)
		}
		ranges = append(ranges, text)
		first = last
	}
	return strings.Join(ranges, ",")
}
