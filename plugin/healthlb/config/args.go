package config

import (
	"path/filepath"
	"strings"
)

// args walks through the words of one line.
type args struct {
	line
	dir  string // what relative file names are relative to
	next int    // the index of the next word
}

func (a *args) more() bool { return a.next < len(a.words) }

// number says whether the next word begins like a number.
func (a *args) number() bool {
	return a.more() && strings.IndexAny(a.words[a.next], "0123456789+-") == 0
}

// fail returns the error of the word last taken.
func (a *args) fail(err error) error { return a.pos(a.next-1).fail(show(a.words[:a.next]), err) }

// end returns an error when words are left.
func (a *args) end() error {
	if !a.more() {
		return nil
	}
	a.next++
	return a.fail(fault{"is one word too many", "leave it out, or put words that belong together in double quotes"})
}

// word takes the next word, called name in the manual.
func (a *args) word(name string) (string, error) {
	if !a.more() {
		return "", a.missing(name)
	}
	a.next++
	return a.words[a.next-1], nil
}

// missing returns the error of a word that should come next.
func (a *args) missing(name string) error { return a.fail(fault{"says too little", "add " + name}) }

// take takes the next word, called name in the manual, and parses it.
func take[T any](a *args, name string, parse func(string) (T, error)) (T, error) {
	w, err := a.word(name)
	if err != nil {
		var none T
		return none, err
	}
	v, err := parse(w)
	if err != nil {
		return v, a.fail(err)
	}
	return v, nil
}

// one returns a parser of a line, or of the rest of one, that is a single word.
func one[T any](name string, parse func(string) (T, error)) func(*args) (T, error) {
	return func(a *args) (T, error) { return take(a, name, parse) }
}

// file takes the name of a file or directory and makes it absolute.
func (a *args) file(name string) (string, error) { return take(a, name, a.absolute) }

func (a *args) absolute(path string) (string, error) {
	switch {
	case path == "" || strings.ContainsRune(path, 0):
		return "", fault{"is no file name", "write one, relative to the Corefile's directory or absolute"}
	case a.dir == noFiles:
		return "", fault{"names a file, which only the Corefile may do", "leave it out, or write the pool into the Corefile"}
	case filepath.IsAbs(path):
		return filepath.Clean(path), nil
	default:
		return filepath.Join(a.dir, path), nil
	}
}
