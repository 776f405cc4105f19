package shell

import (
	"bytes"
	"io"
	"sync"
)

// longestLine is where a line without an end is cut, in bytes, so that a command that prints no newline takes no memory without bound.
const longestLine = 64 << 10

// Lines passes output on in whole lines with a prefix, so that those of commands at the same time stay readable. Writers of one
// destination share a lock.
type Lines struct {
	to     io.Writer
	lock   sync.Locker // guards to
	prefix string
	held   []byte // a line whose end has not come
}

// NewLines returns a writer of lines. It is used by one goroutine at a time.
func NewLines(to io.Writer, lock sync.Locker, prefix string) *Lines {
	return &Lines{to: to, lock: lock, prefix: prefix}
}

// Write passes on the lines that are whole. It never fails: that nobody reads what a command says is no reason to end it.
func (l *Lines) Write(data []byte) (int, error) {
	n := len(data)
	for len(data) > 0 {
		room := longestLine - len(l.held)
		end := bytes.IndexByte(data[:min(room, len(data))], '\n')
		switch {
		case end >= 0:
			l.held = append(l.held, data[:end]...)
			l.pass()
			data = data[end+1:]
		case len(data) >= room:
			l.held = append(l.held, data[:room]...)
			l.pass()
			data = data[room:]
		default:
			l.held = append(l.held, data...)
			data = nil
		}
	}
	return n, nil
}

// Close passes on what is left without a newline.
func (l *Lines) Close() error {
	if len(l.held) > 0 {
		l.pass()
	}
	return nil
}

func (l *Lines) pass() {
	line := make([]byte, 0, len(l.prefix)+len(l.held)+1)
	line = append(append(append(line, l.prefix...), l.held...), '\n')
	l.held = l.held[:0]
	l.lock.Lock()
	defer l.lock.Unlock()
	_, _ = l.to.Write(line)
}
