package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxEvent bounds a line of a stream, and the data of an event, in bytes.
const maxEvent = 1 << 20

var errLongEvent = fmt.Errorf("an event of more than %d bytes", maxEvent)

// frame is one event of a stream of server-sent events.
type frame struct {
	id   string // of this event, or the last one before it that had one
	data []byte // empty: there is no event, only an id
}

// frames reads a stream of server-sent events, as the HTML standard has it in section 9.2.6. The type of an event stands in its data
// here, and when to come back is for the client to decide, so both fields are passed over.
type frames struct {
	r    *bufio.Reader
	cr   bool   // the last line ended with CR, whose LF may follow
	id   string // the last one
	any  bool   // something was read, be it a comment
	text []byte // the line
}

func newFrames(r io.Reader) *frames { return &frames{r: bufio.NewReader(r)} }

// next returns the next event, or the next id that stands alone. At the end, what is not whole is dropped.
func (f *frames) next() (frame, error) {
	var data []byte
	some, named := false, false
	for {
		first := !f.any
		line, err := f.line()
		if err != nil {
			return frame{}, err
		}
		if first {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(line) == 0 {
			if some || named {
				return frame{id: f.id, data: bytes.TrimSuffix(data, []byte("\n"))}, nil
			}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":")) // a comment has no name
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			if len(data)+len(value) > maxEvent {
				return frame{}, errLongEvent
			}
			data = append(append(data, value...), '\n')
			some = true
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				f.id = string(value)
				named = true
			}
		}
	}
}

// line reads one line, which ends with LF, CR, or both. It is valid until the next call. A line that is not whole is none.
func (f *frames) line() ([]byte, error) {
	f.text = f.text[:0]
	for {
		c, err := f.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		f.any = true
		after := f.cr
		f.cr = c == '\r'
		switch {
		case c == '\n' && after:
		case c == '\n' || c == '\r':
			return f.text, nil
		case len(f.text) == maxEvent:
			return nil, errLongEvent
		default:
			f.text = append(f.text, c)
		}
	}
}
