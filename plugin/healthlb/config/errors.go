package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Error is one mistake in a Corefile or in a file that it names.
type Error struct {
	File  string
	Line  int
	Read  string // what was read, as it was written
	Why   string // why it is wrong
	Right string // what would be right; empty when Why says it
}

// Error returns FILE:LINE: what was read: why it is wrong; what would be right.
func (e *Error) Error() string {
	s := pos{e.File, e.Line}.String() + ": " + e.Read + ": " + e.Why
	if e.Right != "" {
		s += "; " + e.Right
	}
	return s
}

// pos is a place in a Corefile or in a file that it names. The zero pos is nowhere.
type pos struct {
	file string
	line int
}

func (p pos) String() string { return p.file + ":" + strconv.Itoa(p.line) }

// fail returns the error of what was read here. When err is a fault, it says what would be right, too.
func (p pos) fail(read string, err error) error {
	e := &Error{File: p.file, Line: p.line, Read: read, Why: err.Error()}
	if f, ok := errors.AsType[fault](err); ok {
		e.Why, e.Right = f.why, f.right
	}
	return e
}

// fault is what a parser of single values knows of a mistake: all but the place.
type fault struct{ why, right string }

func (f fault) Error() string { return f.why + "; " + f.right }

// again is the fault of something that may be said only once, and was said before.
func again(first pos) fault {
	return fault{"was said before, at " + first.String(), "say it once"}
}

// unknown is the fault of a word that is none of names, which are sorted.
func unknown(word, place string, names []string) fault {
	if word == "import" {
		return fault{"was not expanded: caddy overlooks an import that is the first line of a snippet", "put another line before it"}
	}
	right := "allowed: " + strings.Join(names, ", ")
	if near := nearest(word, names); near != "" {
		right = "did you mean " + near + "? " + right
	}
	return fault{"is not known " + place, right}
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// nearest returns the name that word is most likely a slip of, or nothing. One slip in three letters is as far as a guess goes.
func nearest(word string, names []string) string {
	const longest = 32 // a word longer than this is no slip of any of ours
	if word == "" || len(word) > longest {
		return ""
	}
	near := slices.MinFunc(names, func(a, b string) int { return cmp.Compare(distance(word, a), distance(word, b)) })
	if distance(word, near) > max(1, len(near)/3) {
		return ""
	}
	return near
}

// distance counts the letters to add, drop or replace to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// show returns words as an error quotes them: in quotes where they would be misread, and shortened where they are long.
func show(words []string) string {
	const most, head, tail = 8, 2, 3 // words
	shown := make([]string, 0, most)
	for i, w := range words {
		switch {
		case len(words) <= most || i < head || i >= len(words)-tail:
			shown = append(shown, showWord(w))
		case i == head:
			shown = append(shown, "...")
		}
	}
	return strings.Join(shown, " ")
}

func showWord(w string) string {
	const longest = 80 // bytes; more than any address or id has
	if len(w) > longest {
		w = w[:longest] + "..."
	}
	if w == "" || strings.ContainsFunc(w, misread) {
		return strconv.Quote(w)
	}
	return w
}

func misread(r rune) bool {
	return !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar
}

// list joins at most a handful of words for an error.
func list(words []string) string {
	const most = 5
	if len(words) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
	}
	return strings.Join(words, ", ")
}
