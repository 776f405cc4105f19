package block

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/miekg/dns"
)

// The bounds of an entry. They keep log lines and answers of the API readable, and the memory a list of entries takes bounded.
const (
	MaxReason = 256                       // bytes of UTF-8
	MaxOwner  = 64                        // bytes of UTF-8
	MaxFor    = 10 * 365 * 24 * time.Hour // longer is a slip of the keyboard; what should last that long is permanent
)

// Key is the entry's identity, (Prefix, Pool, Owner), as one string without control characters: the parts are separated by spaces, which
// none of them can hold.
func (e Entry) Key() string {
	return e.Prefix.String() + " " + e.Pool + " " + e.Owner
}

// Compare is the canonical order of entries: that of their keys, IPv4 before IPv6, wider networks before what they contain.
func Compare(a, b Entry) int {
	return cmp.Or(a.Prefix.Compare(b.Prefix), strings.Compare(a.Pool, b.Pool), strings.Compare(a.Owner, b.Owner))
}

// Equal tells whether two entries say the same. Unlike ==, it takes equal times in different clothes for equal.
func (e Entry) Equal(other Entry) bool {
	return Compare(e, other) == 0 && e.Reason == other.Reason && e.Mode == other.Mode && e.Until.Equal(other.Until)
}

// Expired tells whether the entry has run out: it holds up to Until, and at Until no longer.
func (e Entry) Expired(now time.Time) bool {
	return !e.Until.IsZero() && !e.Until.After(now)
}

// Address is the entry's address or network as an operator writes it: a single address without its prefix length.
func (e Entry) Address() string {
	if e.Prefix.IsSingleIP() {
		return e.Prefix.Addr().String()
	}
	return e.Prefix.String()
}

// ParsePrefix reads an address or a network in CIDR notation. A network with host bits, a zone and an IPv4-mapped IPv6 address are
// errors that say what would be right.
func ParsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		switch {
		case err != nil:
			return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a network in CIDR notation such as 192.0.2.0/24", s)
		case addr.Zone() != "":
			return netip.Prefix{}, fmt.Errorf("%s has a zone: write %s", s, addr.WithZone(""))
		case addr.Is4In6():
			return netip.Prefix{}, fmt.Errorf("%s is an IPv4-mapped IPv6 address: write %s", s, addr.Unmap())
		}
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}

	if before, after, zone := strings.Cut(s, "%"); zone {
		if _, bits, found := strings.Cut(after, "/"); found {
			return netip.Prefix{}, fmt.Errorf("%q has a zone: write %s/%s", s, before, bits)
		}
	}
	prefix, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is no network in CIDR notation such as 192.0.2.0/24 or 2001:db8::/32", s)
	case prefix.Addr().Is4In6() && prefix.Bits() >= 96: // ::ffff:0:0/96 is where RFC 4291 section 2.5.5.2 maps IPv4
		right := netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96).Masked()
		return netip.Prefix{}, fmt.Errorf("%s is an IPv4-mapped IPv6 network: write %s", s, right)
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Errorf("%s has host bits: write %s", s, prefix.Masked())
	}
	return prefix, nil
}

// ParsePool reads a pool's name and returns it as a lower-case FQDN, with the escapes that names read from DNS messages have: one name
// has one form, however it was written.
func ParsePool(s string) (string, error) {
	if s == "" {
		return "", errors.New("the pool is empty: name one, or leave pool out for all pools")
	}
	var wire [maxWireName]byte
	n, err := dns.PackDomainName(dns.Fqdn(s), wire[:], 0, nil, false)
	if err != nil {
		return "", notAName(s)
	}
	name, _, err := dns.UnpackDomainName(wire[:n], 0)
	if err != nil || strings.ContainsFunc(s, notInWord) || strings.ContainsFunc(name, notInWord) {
		return "", notAName(s)
	}
	return dns.CanonicalName(name), nil
}

func notAName(s string) error {
	return fmt.Errorf("pool %q is no domain name such as www.lb.example.org", s)
}

// maxWireName is the most octets that a name takes in a message (RFC 1035 section 2.3.4).
const maxWireName = 255

// parseMode reads a mode.
func parseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case Omit, NoRegister:
		return m, nil
	}
	return "", fmt.Errorf("mode %q is unknown: want %s or %s", s, Omit, NoRegister)
}

// checkReason checks the text of a reason, which may hold spaces.
func checkReason(s string) error {
	if len(s) > MaxReason {
		return fmt.Errorf("the reason has %d bytes: want at most %d", len(s), MaxReason)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("reason %q is not UTF-8", s)
	}
	if i := strings.IndexFunc(s, notInText); i >= 0 {
		return fmt.Errorf("reason %q has the unprintable character %q: want printable ones", s, firstRune(s[i:]))
	}
	return nil
}

// checkOwner checks the name of an owner, which is one word.
func checkOwner(s string) error {
	if len(s) > MaxOwner {
		return fmt.Errorf("the owner has %d bytes: want at most %d", len(s), MaxOwner)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("owner %q is not UTF-8", s)
	}
	if i := strings.IndexFunc(s, notInWord); i >= 0 {
		return fmt.Errorf("owner %q has the character %q: want printable ones without spaces and quotes", s, firstRune(s[i:]))
	}
	return nil
}

// notInText tells whether a character is barred everywhere: control characters, and format characters, which can make a log line read
// other than it is.
func notInText(r rune) bool { return !unicode.IsGraphic(r) }

// notInWord tells whether a character is barred from names.
func notInWord(r rune) bool {
	return notInText(r) || unicode.IsSpace(r) || r == '"' || r == '\'' || r == '`'
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
