package probe

import (
	"bytes"
	"errors"
	"io"
)

var errNotFound = errors.New("not found")

// seek reads r until it has seen want, and returns how many bytes that took. It gives up with errNotFound after limit bytes, and with
// r's error if r ends first. It keeps no more than a window of what it read, so that members who talk a lot cost no memory.
func seek(r io.Reader, want []byte, limit int) (read int, err error) {
	const chunk = 4 << 10
	window := make([]byte, len(want)+chunk)
	kept := 0 // bytes at the start of window that may be the beginning of want
	for read < limit {
		n, err := r.Read(window[kept : kept+min(chunk, limit-read)])
		read += n
		seen := window[:kept+n]
		if bytes.Contains(seen, want) {
			return read, nil
		}
		if err != nil {
			return read, err
		}
		kept = min(len(seen), len(want)-1)
		copy(window, seen[len(seen)-kept:])
	}
	return read, errNotFound
}
