package block

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// ParseText reads orders given now, one a line:
//
//	ADDR|CIDR [pool=NAME] [for=D] [reason=TEXT] [owner=NAME] [mode=omit|no-register]
//
// The words are separated by spaces and tabs. A value with spaces stands in double quotes, in which \" is a quote and \\ a backslash. A
// # at the start of a line or after a space begins a comment. The entries are in the order of their lines.
func ParseText(data []byte, now time.Time) ([]Entry, error) {
	var entries []Entry
	var lines []int // of the entry with the same index
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		d, err := parseLine(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if d == nil {
			continue
		}
		e, err := d.order(now)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		entries = append(entries, e)
		lines = append(lines, number)
	}
	return entries, checkTwice(entries, func(i int) string { return "line " + strconv.Itoa(lines[i]) })
}

// parseLine reads one line; nil when there is no entry on it.
func parseLine(line string) (*draft, error) {
	var d *draft
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" || line[0] == '#' {
			return d, nil
		}
		if d == nil {
			var address string
			address, line = cutWord(line)
			d = &draft{address: &address}
			continue
		}
		name, value, rest, err := cutPair(line)
		if err != nil {
			return nil, err
		}
		if d.field(name) == nil || name == "address" || name == "until" {
			return nil, fmt.Errorf("unknown word %q: want pool=, for=, reason=, owner= or mode=", name)
		}
		if err := d.set(name, value); err != nil {
			return nil, err
		}
		line = rest
	}
}

// cutWord cuts a line after its first word.
func cutWord(line string) (word, rest string) {
	if end := strings.IndexAny(line, " \t"); end >= 0 {
		return line[:end], line[end:]
	}
	return line, ""
}

// cutPair cuts a line after NAME=VALUE.
func cutPair(line string) (name, value, rest string, err error) {
	end := strings.IndexAny(line, "= \t")
	if end < 0 || line[end] != '=' {
		word, _ := cutWord(line)
		return "", "", "", fmt.Errorf("%q where NAME=VALUE belongs: a value with spaces stands in double quotes", word)
	}
	name, line = line[:end], line[end+1:]
	if strings.HasPrefix(line, `"`) {
		value, rest, err = cutQuoted(line[1:])
	} else {
		value, rest = cutWord(line)
		if strings.Contains(value, `"`) {
			err = fmt.Errorf(`%q has a quote in its middle: put all of it in double quotes, and write \" for a quote`, value)
		}
	}
	if err != nil {
		return "", "", "", fmt.Errorf("%s: %w", name, err)
	}
	return name, value, rest, nil
}

// cutQuoted cuts a line after a quoted value, the opening quote of which is already gone.
func cutQuoted(line string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case '"':
			rest = line[i+1:]
			if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
				return "", "", fmt.Errorf("%q follows the closing quote: want a space", firstRune(rest))
			}
			return b.String(), rest, nil
		case '\\':
			i++
			if i == len(line) || line[i] != '"' && line[i] != '\\' {
				return "", "", errors.New(`a backslash in quotes without a quote or a backslash after it: write \\ for a backslash`)
			}
			b.WriteByte(line[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("the closing quote is missing")
}

// FormatText writes entries in the form that ParseText reads, as of now: the expiry becomes what is left of it. Entries that have run
// out are left out, as the form has no way to say them.
func FormatText(entries []Entry, now time.Time) []byte {
	var b []byte
	for _, e := range entries {
		if e.Expired(now) {
			continue
		}
		b = append(b, e.Address()...)
		b = appendPair(b, "pool", e.Pool)
		if !e.Until.IsZero() {
			b = appendPair(b, "for", left(e.Until.Sub(now)).String())
		}
		b = appendPair(b, "reason", e.Reason)
		b = appendPair(b, "owner", e.Owner)
		if e.Mode != Omit {
			b = appendPair(b, "mode", string(e.Mode))
		}
		b = append(b, '\n')
	}
	return b
}

// left drops the part of a second, which rounding up to whole seconds brings back, where something remains.
func left(d time.Duration) time.Duration {
	if whole := d.Truncate(time.Second); whole > 0 {
		return whole
	}
	return d
}

// String is the entry for logs, in the words of the text form, with its expiry as a time.
func (e Entry) String() string {
	b := append([]byte(nil), e.Address()...)
	b = appendPair(b, "pool", e.Pool)
	if !e.Until.IsZero() {
		b = appendPair(b, "until", e.Until.UTC().Format(time.RFC3339))
	}
	b = appendPair(b, "reason", e.Reason)
	b = appendPair(b, "owner", e.Owner)
	return string(appendPair(b, "mode", string(e.Mode)))
}

var quoteEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// appendPair appends a space and NAME=VALUE, quoted where it must be, or nothing for an empty value.
func appendPair(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, ' '), name...), '=')
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || r == '"' }) {
		return append(append(append(b, '"'), quoteEscapes.Replace(value)...), '"')
	}
	return append(b, value...)
}
