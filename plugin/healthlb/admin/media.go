package admin

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
)

// maxBody is the largest list of blocks taken, in bytes: the longest that a person may want to send.
const maxBody = 1 << 20

// maxDrained is how much of a body that is too large is read all the same, in bytes, so that whoever sends it learns why it is refused.
const maxDrained = 4 << 20

// The forms of bodies.
const (
	mediaText    = "text/plain"
	mediaJSON    = "application/json"
	mediaProblem = "application/problem+json"
	mediaStream  = "text/event-stream"
)

// bodyRule says which bodies a call takes.
type bodyRule struct {
	most     int64    // bytes
	forms    []string // media types
	untyped  string   // the form of a body without a Content-Type; empty: it must have one
	optional bool     // a body of white space, or none, will do, and then needs no Content-Type
}

// specBody is the rule of bodies that say what something is; those of pools can be long.
var (
	specBody = bodyRule{most: 16 << 10, forms: []string{mediaJSON}}
	maySpec  = bodyRule{most: 16 << 10, forms: []string{mediaJSON}, optional: true}
	poolBody = bodyRule{most: maxBody, forms: []string{mediaJSON}}
)

// listBody is the rule of lists of blocks. Without a Content-Type they are text, as that is what one types by hand.
var listBody = bodyRule{most: maxBody, forms: []string{mediaText, mediaJSON}, untyped: mediaText}

// readBody reads a request's body, and puts it back for huma.
func (c *call) readBody(r *request) (err error) {
	if c.body == nil {
		return refuseBody(r)
	}
	if r.body, r.form, err = c.body.read(r.to, r.Request); err != nil {
		return err
	}
	if c.fields != nil && !(c.body.optional && len(r.body) == 0) {
		if err := checkObject(r.body, c.fields); err != nil {
			return NewProblem(http.StatusBadRequest, "body: %v", err)
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(r.body))
	r.Header.Set("Content-Type", r.form) // huma knows it in this form only
	return nil
}

// refuseBody refuses a body where none is expected, for what it asks would not be done. That of a GET or DELETE means nothing (RFC 9110
// sections 9.3.1 and 9.3.5), and some clients send one.
func refuseBody(r *request) error {
	if r.ContentLength == 0 || r.Method != http.MethodPut && r.Method != http.MethodPost {
		return nil
	}
	var first [1]byte
	if _, err := io.ReadFull(r.Body, first[:]); errors.Is(err, io.EOF) {
		return nil
	}
	return NewProblem(http.StatusBadRequest, "this call takes no body: leave it out")
}

// read returns a request's body and its form.
func (rule bodyRule) read(w http.ResponseWriter, r *http.Request) (body []byte, form string, err error) {
	if form, err = rule.form(r.Header); err != nil {
		return nil, "", err
	}
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, rule.most))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		// A caller that is still writing when the connection closes may never see the answer: so some of the rest is read.
		_, _ = io.CopyN(io.Discard, r.Body, maxDrained)
		return nil, "", NewProblem(http.StatusRequestEntityTooLarge, "the body is too large: want at most %d bytes", rule.most)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, "", NewProblem(http.StatusRequestTimeout, "the body took too long")
	case err != nil:
		return nil, "", NewProblem(http.StatusBadRequest, "the body cannot be read: %v", err)
	}
	switch blank := len(bytes.TrimSpace(body)) == 0; {
	case rule.optional && blank:
		return nil, mediaJSON, nil
	case form == "":
		return nil, "", NewProblem(http.StatusUnsupportedMediaType, "Content-Type is missing: want %s", strings.Join(rule.forms, " or "))
	}
	return body, form, nil
}

// form is the form that the header says the body has; empty when it does not say, and there may be none.
func (rule bodyRule) form(header http.Header) (string, error) {
	want := "want " + strings.Join(rule.forms, " or ")
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return "", NewProblem(http.StatusUnsupportedMediaType, "Content-Encoding %q is not understood: %s, not encoded", encoding, want)
	}
	given := header.Get("Content-Type")
	switch {
	case given == "" && rule.untyped == "" && !rule.optional:
		return "", NewProblem(http.StatusUnsupportedMediaType, "Content-Type is missing: %s", want)
	case given == "":
		return rule.untyped, nil
	}
	form, params, err := mime.ParseMediaType(given)
	if err != nil || !slices.Contains(rule.forms, form) {
		return "", NewProblem(http.StatusUnsupportedMediaType, "Content-Type %q is not understood: %s", given, want)
	}
	if charset, given := params["charset"]; given && !slices.Contains([]string{"utf-8", "us-ascii"}, strings.ToLower(charset)) {
		return "", NewProblem(http.StatusUnsupportedMediaType, "charset %q is not understood: %s in UTF-8", charset, want)
	}
	return form, nil
}

// wants tells whether the caller likes one form better than another (RFC 9110 section 12.5.1).
func (r *request) wants(form, other string) bool {
	return quality(r.accept, form) > quality(r.accept, other)
}

// quality is the weight that an Accept header gives a media type: that of the most specific range it is in, 0 when in none.
func quality(accept, mediaType string) float64 {
	kind, _, _ := strings.Cut(mediaType, "/")
	best, weight := 0, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		given, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		specific := 1 + slices.Index([]string{"*/*", kind + "/*", mediaType}, given)
		if specific <= best {
			continue
		}
		best, weight = specific, 1
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
			weight = q
		}
	}
	return weight
}
