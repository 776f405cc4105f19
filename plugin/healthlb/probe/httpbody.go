package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// bodyWithin is where one stops to look into a body, in bytes: the bound that DESIGN.md section 4 gives.
const bodyWithin = 64 << 10

// The largest regular expression for a body. Go's take a time proportional to steps x bytes, whatever the body is. Steps are what
// remains when all repetitions are written out.
const (
	maxRegexp      = 1000 // bytes
	maxRegexpSteps = 2000
)

// CompileBody compiles a regular expression for the option of that name.
func CompileBody(text string) (*regexp.Regexp, error) {
	if text == "" || len(text) > maxRegexp {
		return nil, fmt.Errorf("has %d bytes; allowed: 1 to %d", len(text), maxRegexp)
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	if n := len(program.Inst); n > maxRegexpSteps {
		return nil, fmt.Errorf("takes %d steps with its repetitions written out; allowed: at most %d", n, maxRegexpSteps)
	}
	return regexp.Compile(text)
}

// window is the beginning of a body, as much of it as was needed until now.
type window struct {
	from io.Reader
	seen []byte
	err  error // why there is no more: errFull, io.EOF at the body's end, or what went wrong
	next int   // where in seen ReadRune is
}

var errFull = errors.New("64 KiB were read")

// more reads some more of the body, and says whether it did.
func (w *window) more() bool {
	const least = 512 // bytes read at once
	for w.err == nil {
		n := len(w.seen)
		if n == bodyWithin {
			w.err = errFull
			break
		}
		w.seen = slices.Grow(w.seen, least)
		var read int
		read, w.err = w.from.Read(w.seen[n:min(cap(w.seen), bodyWithin)])
		w.seen = w.seen[:n+read]
		if read > 0 {
			return true
		}
	}
	return false
}

// contains reads until it has seen word, and says whether it has.
func (w *window) contains(word []byte) bool {
	for from := 0; ; {
		if bytes.Contains(w.seen[from:], word) {
			return true
		}
		from = max(0, len(w.seen)-len(word)+1)
		if !w.more() {
			return false
		}
	}
}

// ReadRune implements io.RuneReader.
func (w *window) ReadRune() (rune, int, error) {
	for !utf8.FullRune(w.seen[w.next:]) && w.more() {
	}
	if w.next == len(w.seen) {
		return 0, 0, w.err
	}
	r, size := utf8.DecodeRune(w.seen[w.next:])
	w.next += size
	return r, size, nil
}

// cut says whether the body broke off.
func (w *window) cut() bool { return w.err != nil && w.err != io.EOF && w.err != errFull }

// judgeBody is the result of an answer whose status passes.
func (v *httpVisit) judgeBody(resp *http.Response, x *exchange) Result {
	word, pattern := v.check.opts.Body, v.check.opts.Regexp
	if len(word) == 0 && pattern == nil {
		return Result{}
	}
	if len(word) > 0 && !x.body.contains(word) {
		return v.bodyLacks(excerpt(word)+" not found", resp, x)
	}
	// The expression may look for the end, and a body that breaks off has none.
	if pattern != nil && (!pattern.MatchReader(&x.body) || x.body.cut()) {
		return v.bodyLacks("no match of "+shorten(pattern.String()), resp, x)
	}
	v.trace.step("body", "as wanted, after %d bytes", len(x.body.seen))
	return Result{}
}

// bodyLacks is the result of an answer whose body is not as it should be. lack says what it has not.
func (v *httpVisit) bodyLacks(lack string, resp *http.Response, x *exchange) Result {
	n := len(x.body.seen)
	switch err := x.body.err; {
	case err == nil: // an expression for the beginning needs no more
		return fail(fmt.Sprintf("body: %s in its first %d bytes%s", lack, n, encoded(resp)))
	case x.broken() != nil:
		return v.lost(fmt.Sprintf("body: %s in %d bytes", lack, n), x.broken())
	case err == errFull:
		return fail("body: " + lack + " in the first 64 KiB" + encoded(resp))
	case err == io.EOF:
		return fail(fmt.Sprintf("body: %s in its %d bytes%s", lack, n, encoded(resp)))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fail(fmt.Sprintf("connection closed after %d bytes of the body: %s", n, lack))
	case errors.Is(err, errTooLong):
		return fail(fmt.Sprintf("body: %s in %d bytes, for which %d KiB were sent", lack, n, maxRaw>>10))
	default:
		return fail("body not understood: " + err.Error())
	}
}

// encoded tells of a body that is compressed or the like, which it should not be.
func encoded(resp *http.Response) string {
	switch coding := resp.Header.Get("Content-Encoding"); coding {
	case "", "identity":
		return ""
	default:
		return ", which are encoded as " + shorten(coding) + " although nobody asked for it"
	}
}

// shorten quotes a member's or an operator's words for a reason.
func shorten(text string) string {
	const most = 100 // bytes
	if len(text) > most {
		return fmt.Sprintf("%q...", text[:most])
	}
	return fmt.Sprintf("%q", text)
}
