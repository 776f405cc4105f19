package rollout

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of texts, which keep log lines and answers of the API readable, and a rollout's record in the store small.
const (
	maxNamed = 10   // texts in a list
	maxText  = 1024 // bytes of UTF-8
)

// list is the first few texts of many.
type list struct {
	first []string
	n     int
}

func (l *list) add(s string) {
	if l.n++; len(l.first) < maxNamed {
		l.first = append(l.first, s)
	}
}

// String is the texts in a line.
func (l *list) String() string {
	s := strings.Join(l.first, ", ")
	if more := l.n - len(l.first); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// line makes a text of somebody else's one short line.
func line(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxText {
		return s
	}
	const cut = "..."
	s = s[:maxText-len(cut)]
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size > 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + cut
}

// scope names what a rollout is of.
func scope(region string) string {
	if region == "" {
		return "the pool"
	}
	return "region " + region
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// by adds who did something, when that is known.
func by(done, who string) string {
	if who = line(who); who == "" {
		return done
	}
	return done + " by " + who
}

// stored is a time as it is when it comes back from the store: in UTC, without a monotonic reading.
func stored(t time.Time) time.Time { return t.Round(0).UTC() }
