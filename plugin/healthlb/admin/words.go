package admin

import (
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"example.org/healthlb/plugin/healthlb/block"
)

// bad is a problem with one value of a request, at a place such as body.ttl.
func bad(place, detail string, args ...any) error {
	return NewProblem(http.StatusBadRequest, place+": "+detail, args...)
}

// checkOwner refuses what cannot name an owner; an empty one is nobody. Owners of blocks follow the same rule.
func checkOwner(place, s string) error {
	if len(s) > block.MaxOwner {
		return bad(place, "%d bytes: want at most %d", len(s), block.MaxOwner)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, notInWord) {
		return bad(place, "%q is not allowed: want one word of printable characters without quotes", s)
	}
	return nil
}

// checkReason refuses what does not fit into a line of the log.
func checkReason(place, s string) error {
	if len(s) > block.MaxReason {
		return bad(place, "%d bytes: want at most %d", len(s), block.MaxReason)
	}
	if strings.ContainsFunc(s, notInText) {
		return bad(place, "%q has an unprintable character: want printable ones", s)
	}
	return nil
}

// notInText tells whether a character is barred everywhere: control characters, and format characters, which can make a log line read
// other than it is.
func notInText(r rune) bool { return !unicode.IsGraphic(r) }

// notInWord tells whether a character is barred from names.
func notInWord(r rune) bool {
	return notInText(r) || unicode.IsSpace(r) || strings.ContainsRune("\"'`", r)
}

// checkSpan refuses what is no length of time from 1s to 24h; a missing one has a default.
func checkSpan(place, s string) error {
	if s == "" {
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return bad(place, "%q is no duration: want a number with a unit, such as 30s, 15m or 2h", s)
	}
	if d < time.Second || d > 24*time.Hour {
		return bad(place, "%s is out of range: want 1s to 24h", s)
	}
	return nil
}

// checkAddresses refuses what cannot be the addresses of one member, which has at most one of each family.
func checkAddresses(place string, list []string) error {
	seen := make(map[bool]string) // by whether it is IPv4
	for _, s := range list {
		a, err := netip.ParseAddr(s)
		switch {
		case err != nil:
			return bad(place, "%q is no IP address: want one like 192.0.2.10 or 2001:db8::10; names are not resolved", s)
		case a.Zone() != "":
			return bad(place, "%s has a zone: write the server's own address", s)
		case a.Is4In6():
			return bad(place, "%s is an IPv4-mapped IPv6 address: write %s", s, a.Unmap())
		case a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
			return bad(place, "%s is no address that a server can have: write the server's own address", s)
		}
		if before, found := seen[a.Is4()]; found {
			return bad(place, "%s and %s are of one family: want at most one IPv4 and one IPv6 address", before, s)
		}
		seen[a.Is4()] = s
	}
	return nil
}

// optional checks a word that may be missing.
func optional(place, what, s string) error {
	if s == "" || word.MatchString(s) {
		return nil
	}
	return bad(place, "%v", notAWord(what, s))
}
