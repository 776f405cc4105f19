package test

import (
	"strings"
	"sync"
)

// logs collects what a process writes.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string { return l.since(0) }

// mark is the place up to which the log has come.
func (l *logs) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Len()
}

// since returns what was written behind a mark.
func (l *logs) since(mark int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()[mark:]
}

// count returns how many lines hold all the words.
func (l *logs) count(words ...string) (n int) {
	for line := range strings.Lines(l.String()) {
		if hasAll(line, words...) {
			n++
		}
	}
	return n
}

func hasAll(text string, words ...string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
