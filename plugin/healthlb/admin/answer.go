package admin

import (
	"bytes"
	"net/http"
	"strconv"
)

// answer holds an answer back until it is whole, so that its length can be told, and a panic in the middle leaves none that looks whole.
//
// It does not show what it wraps (no Unwrap): huma would set deadlines of its own on the connection.
type answer struct {
	http.ResponseWriter
	code      int // 0: none yet
	body      bytes.Buffer
	streaming bool // the answer goes out as it is made
}

// WriteHeader remembers the first status.
func (a *answer) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
}

// Write adds to the answer.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// stream sends the header, and returns what takes the rest as it comes.
func (a *answer) stream(code int) http.ResponseWriter {
	a.WriteHeader(code)
	a.streaming = true
	a.ResponseWriter.WriteHeader(code)
	return a.ResponseWriter
}

// reset forgets what has been written.
func (a *answer) reset() {
	a.code = 0
	a.body.Reset()
}

// finish sends what was held back.
func (a *answer) finish() {
	if a.streaming || a.code == 0 {
		return
	}
	if a.code != http.StatusNotModified { // its length would be that of what is not sent
		a.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	}
	a.ResponseWriter.WriteHeader(a.code)
	_, _ = a.ResponseWriter.Write(a.body.Bytes()) // a caller gone by now cannot be told
}
