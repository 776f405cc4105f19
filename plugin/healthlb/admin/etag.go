package admin

import (
	"net/http"
	"slices"
	"strings"
)

// parseTags reads an If-Match or If-None-Match header: * or a list of entity tags (RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2). It
// returns nil when there is no such header.
func parseTags(header http.Header, name string) ([]string, error) {
	lines := header.Values(name)
	if lines == nil {
		return nil, nil
	}
	rest := strings.Trim(strings.Join(lines, ","), " \t")
	if rest == "*" {
		return []string{"*"}, nil
	}
	tags := []string{}
	for rest != "" {
		if rest[0] == ',' { // lists may have empty elements (RFC 9110 section 5.6.1.2)
			rest = strings.TrimLeft(rest[1:], " \t")
			continue
		}
		end := tagEnd(rest)
		if end < 0 {
			return nil, badTags(name)
		}
		tags = append(tags, rest[:end])
		rest = strings.TrimLeft(rest[end:], " \t")
		if rest != "" && rest[0] != ',' {
			return nil, badTags(name)
		}
	}
	if len(tags) == 0 {
		return nil, badTags(name)
	}
	return tags, nil
}

func badTags(name string) error {
	return NewProblem(http.StatusBadRequest, `%s cannot be read: want *, or the ETag of a GET with its double quotes`, name)
}

// tagEnd is the length of the entity tag that s begins with, or -1.
func tagEnd(s string) int {
	opaque := strings.TrimPrefix(s, "W/")
	if !strings.HasPrefix(opaque, `"`) {
		return -1
	}
	for i := 1; i < len(opaque); i++ {
		switch c := opaque[i]; {
		case c == '"':
			return len(s) - len(opaque) + i + 1
		case c < 0x21 || c == 0x7f:
			return -1
		}
	}
	return -1
}

// strong leaves the weak tags out: for If-Match they match nothing (RFC 9110 section 13.1.1). What was a list stays one, be it empty.
func strong(tags []string) []string {
	return slices.DeleteFunc(tags, func(tag string) bool { return strings.HasPrefix(tag, "W/") })
}

// hasTag tells whether an If-None-Match list has a tag, weak or not (RFC 9110 section 13.1.2).
func hasTag(tags []string, etag string) bool {
	return slices.ContainsFunc(tags, func(tag string) bool {
		return tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/")
	})
}
