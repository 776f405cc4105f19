package config

import (
	"errors"
	"strings"
)

// tokens is the part of caddy's dispenser that is needed to read a Corefile.
type tokens interface {
	Next() bool
	Val() string
	File() string
	Line() int
}

// line is one line of a Corefile, with the block in braces that it opens.
type line struct {
	words    []string // at least one
	at       pos      // of the first word
	block    []line
	hasBlock bool // also when the block is empty
}

// pos returns the place of word i. A word in quotes may go over several lines.
func (l line) pos(i int) pos {
	p := l.at
	for _, w := range l.words[:i] {
		p.line += strings.Count(w, "\n")
	}
	return p
}

// maxDepth is how deep braces go: healthlb's own, and those of a pool.
const maxDepth = 2

// readTree turns tokens into lines. caddy keeps no newlines, and imports bring lines of other places: the only sign of a new line
// is that the next token is not on the line where the last one ended.
func readTree(t tokens) ([]line, error) {
	return (&treeReader{tokens: t}).lines(0, pos{})
}

type treeReader struct {
	tokens
	end   pos      // where the last token ended
	words []string // of all lines, so that a line is no allocation of its own
}

// lines reads up to the brace that closes the block opened at open, or at depth 0 to the end.
func (r *treeReader) lines(depth int, open pos) ([]line, error) {
	var lines []line
	var last *line
	for r.Next() {
		text, at := r.Val(), pos{r.File(), r.Line()}
		sameLine := at == r.end && last != nil
		r.end = pos{at.file, at.line + strings.Count(text, "\n")}
		switch {
		case text == "}" && depth > 0:
			return lines, nil
		case text == "}":
			return nil, at.fail(text, errors.New("closes no block"))
		case text == "{":
			if err := opens(at, last, sameLine, depth); err != nil {
				return nil, err
			}
			block, err := r.lines(depth+1, at)
			if err != nil {
				return nil, err
			}
			last.block, last.hasBlock = block, true
		case sameLine && last.hasBlock:
			return nil, at.fail(showWord(text), fault{"stands behind a closing brace", "begin a new line"})
		case sameLine:
			r.words = append(r.words, text)
			n := len(last.words) + 1
			last.words = r.words[len(r.words)-n : len(r.words) : len(r.words)]
		default:
			r.words = append(r.words, text)
			n := len(r.words)
			lines = append(lines, line{words: r.words[n-1 : n : n], at: at})
			last = &lines[len(lines)-1]
		}
	}
	if depth > 0 {
		return nil, open.fail("{", fault{"is never closed", "add the line with }"})
	}
	return lines, nil
}

// opens says whether a brace may open a block behind the line last.
func opens(at pos, last *line, sameLine bool, depth int) error {
	switch {
	case !sameLine:
		return at.fail("{", fault{"begins a line", "put it at the end of the line whose block it opens"})
	case last.hasBlock:
		return at.fail("{", fault{"opens a second block on one line", "begin a new line"})
	case depth >= maxDepth:
		return at.fail(show(last.words)+" {", fault{"has no block", `leave out the braces (in send and expect write \x7b and \x7d)`})
	}
	return nil
}
