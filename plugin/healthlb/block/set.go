package block

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Set is an immutable set of entries, one for each key. A nil *Set is empty. Time changes nothing in it: whoever holds it takes what
// has Expired out at NextExpiry.
type Set struct {
	entries []Entry // canonical order
	omits   map[scope]int32
	bits4   []uint8 // the prefix lengths that some omit entry has, longest first
	bits6   []uint8
	bars    []Entry   // those of mode NoRegister: few, as a rule
	next    time.Time // zero: no entry expires

	digest func() string // computed once, when first asked for
}

// scope is what an omit entry forbids. omits maps each to the place in entries of the one that holds longest, whoever owns it.
type scope struct {
	prefix netip.Prefix
	pool   string
}

// NewSet makes a set. Of several entries with one key the last counts, so appending to another set's Entries adds to it.
func NewSet(entries []Entry) *Set {
	s := &Set{entries: canonical(entries), omits: make(map[scope]int32, len(entries))}
	var has4, has6 [129]bool // by prefix length
	for i, e := range s.entries {
		if !e.Until.IsZero() && (s.next.IsZero() || e.Until.Before(s.next)) {
			s.next = e.Until
		}
		if e.Mode != Omit {
			s.bars = append(s.bars, e)
			continue
		}
		key := scope{e.Prefix, e.Pool}
		if held, found := s.omits[key]; !found || outlasts(e, s.entries[held]) {
			s.omits[key] = int32(i)
		}
		if e.Prefix.Addr().Is4() {
			has4[e.Prefix.Bits()] = true
		} else {
			has6[e.Prefix.Bits()] = true
		}
	}
	s.bits4, s.bits6 = longestFirst(has4), longestFirst(has6)
	s.digest = sync.OnceValue(func() string { return digest(s.entries) })
	return s
}

// Digest identifies what the set says: equal sets have equal digests, on every node and after every restart.
func (s *Set) Digest() string {
	if s == nil {
		return digest(nil)
	}
	return s.digest()
}

func digest(entries []Entry) string {
	hash := sha256.New()
	var line []byte
	for _, e := range entries {
		line = append(append(line[:0], e.Key()...), ' ')
		line = append(append(line, e.Mode...), ' ')
		line = strconv.AppendInt(line, e.Until.Unix(), 10)
		line = strconv.AppendQuote(append(line, ' '), e.Reason)
		hash.Write(append(line, '\n'))
	}
	return hex.EncodeToString(hash.Sum(nil)[:12])
}

// canonical sorts a copy of entries, and keeps the last one of each key.
func canonical(entries []Entry) []Entry {
	sorted := slices.Clone(entries)
	slices.Reverse(sorted) // a stable sort and Compact then leave the last one standing
	slices.SortStableFunc(sorted, Compare)
	return slices.CompactFunc(sorted, func(a, b Entry) bool { return Compare(a, b) == 0 })
}

// outlasts tells whether a holds when b has run out.
func outlasts(a, b Entry) bool {
	return !b.Until.IsZero() && (a.Until.IsZero() || a.Until.After(b.Until))
}

func longestFirst(has [129]bool) []uint8 {
	var bits []uint8
	for n := len(has) - 1; n >= 0; n-- {
		if has[n] {
			bits = append(bits, uint8(n))
		}
	}
	return bits
}

// Omits tells whether some order forbids to answer with addr in pool, a lower-case FQDN, and returns the most specific one: the longest
// prefix, there the pool's own order before one for all pools, there the one that holds longest.
func (s *Set) Omits(addr netip.Addr, pool string) (Entry, bool) {
	if s == nil {
		return Entry{}, false
	}
	addr = addr.Unmap().WithZone("")
	lengths := s.bits6
	if addr.Is4() {
		lengths = s.bits4
	}
	for _, bits := range lengths {
		prefix, err := addr.Prefix(int(bits))
		if err != nil { // the zero Addr
			break
		}
		if i, found := s.omits[scope{prefix, pool}]; found {
			return s.entries[i], true
		}
		if i, found := s.omits[scope{prefix, ""}]; found {
			return s.entries[i], true
		}
	}
	return Entry{}, false
}

// Bars tells whether some order forbids addr to register anew in pool, a lower-case FQDN, and returns one.
func (s *Set) Bars(addr netip.Addr, pool string) (Entry, bool) {
	if s == nil {
		return Entry{}, false
	}
	for _, e := range s.bars {
		if (e.Pool == "" || e.Pool == pool) && e.Prefix.Contains(addr) {
			return e, true
		}
	}
	return Entry{}, false
}

// Entries returns the entries in canonical order. The slice is the caller's.
func (s *Set) Entries() []Entry {
	if s == nil {
		return nil
	}
	return slices.Clone(s.entries)
}

// Len is the number of entries.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.entries)
}

// NextExpiry is when the first entry runs out; false when none ever does.
func (s *Set) NextExpiry() (time.Time, bool) {
	if s == nil {
		return time.Time{}, false
	}
	return s.next, !s.next.IsZero()
}

// Expired returns the entries that have run out, in canonical order.
func (s *Set) Expired(now time.Time) []Entry {
	if s == nil || s.next.IsZero() || s.next.After(now) {
		return nil
	}
	var expired []Entry
	for _, e := range s.entries {
		if e.Expired(now) {
			expired = append(expired, e)
		}
	}
	return expired
}

// Diff returns the entries that are in one set only, in canonical order. A changed entry is there twice: as it was, then as it is. The
// prefixes and pools of these entries are the only ones for which Omits may answer otherwise.
func Diff(before, after *Set) []Entry {
	var diff []Entry
	was, is := entriesOf(before), entriesOf(after)
	for len(was) > 0 && len(is) > 0 {
		switch order := Compare(was[0], is[0]); {
		case order < 0:
			diff, was = append(diff, was[0]), was[1:]
		case order > 0:
			diff, is = append(diff, is[0]), is[1:]
		default:
			if !was[0].Equal(is[0]) {
				diff = append(diff, was[0], is[0])
			}
			was, is = was[1:], is[1:]
		}
	}
	return append(append(diff, was...), is...)
}

// entriesOf is Entries without the copy.
func entriesOf(s *Set) []Entry {
	if s == nil {
		return nil
	}
	return s.entries
}
