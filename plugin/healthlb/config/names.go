package config

import (
	"fmt"
	"strings"
)

// longestName counts letters and dots without the last dot: 255 octets on the wire (RFC 1035 section 2.3.4).
const longestName = 253

// parseName parses a domain name into a lower-case FQDN. It is strict on purpose: what it lets pass means the same in a zone
// file, in a certificate and in a URL. Letters, digits, - and _ are allowed; there are no escapes.
func parseName(s string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if len(name) > longestName {
		return "", tooLong("it", len(name), longestName)
	}
	last := ""
	for last = range strings.SplitSeq(name, ".") {
		if err := checkLabel(last); err != nil {
			return "", err
		}
	}
	if strings.Trim(last, "0123456789") == "" {
		return "", fault{"ends like an IPv4 address, and no domain name ends in a number", "write a name, or a whole address"}
	}
	return name + ".", nil
}

func checkLabel(label string) error {
	const longest = 63 // RFC 1035 section 2.3.4
	switch {
	case label == "":
		return fault{"is no domain name: a label is empty", "write labels with one dot between them"}
	case len(label) > longest:
		return tooLong("a label", len(label), longest)
	case label == "*":
		return fault{"is a wildcard", "only a pool's name may be one, with * as its first label"}
	case !isWord(label, "-_"):
		return fault{"is no domain name", "use letters, digits, - and _ with dots in between (international names in their xn-- form)"}
	}
	return nil
}

func tooLong(what string, n, most int) fault {
	return fault{fmt.Sprintf("is no domain name: %s has %d letters", what, n), fmt.Sprintf("at most %d are allowed", most)}
}

// isWord says whether s has only ASCII letters, digits and those in more.
func isWord(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return true
}

// parsePoolName parses the name of a pool, which may be a wildcard (RFC 4592) with "*" as the leftmost label.
func parsePoolName(s string) (string, error) {
	base, wildcard := strings.CutPrefix(s, "*.")
	name, err := parseName(base)
	if err != nil || !wildcard {
		return name, err
	}
	if name = "*." + name; len(name) > longestName+1 {
		return "", tooLong("it", len(name)-1, longestName)
	}
	return name, nil
}

func isWildcard(name string) bool { return strings.HasPrefix(name, "*.") }

// parseServerName parses a name as TLS wants it (RFC 6066 section 3): without the trailing dot.
func parseServerName(s string) (string, error) {
	name, err := parseName(s)
	return strings.TrimSuffix(name, "."), err
}

// parseID parses a word that names something to operators: a member, a region.
func parseID(s string) (string, error) {
	if s == "" || len(s) > 63 || !isWord(s, "._:-") {
		return "", fault{"is not allowed as a name here", "use 1 to 63 of A-Z a-z 0-9 . _ : -"}
	}
	return s, nil
}

// zones are the zones of a server block, lower-case FQDNs.
type zones []string

// of returns the longest zone that name is in, or nothing.
func (zs zones) of(name string) string {
	longest := ""
	for _, z := range zs {
		if len(z) > len(longest) && within(name, z) {
			longest = z
		}
	}
	return longest
}

// within says whether a name is a zone's apex or below it, on a label boundary. Both are lower-case FQDNs without escapes.
func within(name, zone string) bool {
	rest, ok := strings.CutSuffix(name, zone)
	return ok && (zone == "." || rest == "" || strings.HasSuffix(rest, "."))
}

// outside is the fault of a name that is in none of the zones.
func (zs zones) outside(name string) fault {
	right := "the zones here are " + list(zs)
	if label, _, _ := strings.Cut(name, "."); len(zs) > 0 && strings.Count(name, ".") == 1 {
		right += "; names are written in full: " + label + "." + zs[0]
	}
	return fault{"is outside the zones of this server block", right}
}
