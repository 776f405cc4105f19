package config

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// dataFile is a line of the Corefile that names a file with more of what the Corefile says, one a line.
type dataFile struct {
	kind *dataKind
	name string // absolute
	at   pos    // of the line in the Corefile
}

// dataKind is what the files that one directive names have in common.
type dataKind struct {
	word    string // the directive
	size    int64  // bytes that a file has at most
	length  int    // bytes that a line has at most, with its end
	holds   string // what a file has on each line
	shorten string // what would be right when a line is too long
	divide  string // what would be right when a file is too large
}

// parse parses FILE, which must not be among files yet, and appends it.
func (k *dataKind) parse(a *args, files *[]dataFile) error {
	name, err := a.file("FILE")
	if err != nil {
		return err
	}
	for _, f := range *files {
		if f.name == name {
			return a.fail(again(f.at))
		}
	}
	*files = append(*files, dataFile{k, name, a.at})
	return nil
}

// names returns the names of files, nil when there are none.
func names(files []dataFile) (names []string) {
	for _, f := range files {
		names = append(names, f.name)
	}
	return names
}

// fail returns an error at the line that names the file.
func (f dataFile) fail(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err // the name is in the line that was read
	}
	return f.at.fail(f.kind.word+" "+showWord(f.name), err)
}

// read calls each with the words of every line of the file that has any; see readLines.
func (f dataFile) read(each func(*args) error) error {
	// Opening anything else might wait for ever.
	if info, err := os.Stat(f.name); err != nil {
		return f.fail(err)
	} else if !info.Mode().IsRegular() {
		return f.fail(fault{"is no regular file", "write the name of a file with " + f.kind.holds})
	}
	file, err := os.Open(f.name)
	if err != nil {
		return f.fail(err)
	}
	defer file.Close()
	return f.kind.readLines(file, f.name, each)
}

// readLines calls each with the words of every line that has any; what is behind a # is comment. The list of words, but not the words
// themselves, is overwritten when each returns.
func (k *dataKind) readLines(file io.Reader, name string, each func(*args) error) error {
	limited := &io.LimitedReader{R: file, N: k.size + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, k.length)
	var words []string
	var err error
	at := pos{file: name}
	for err == nil && lines.Scan() {
		at.line++
		text, _, _ := bytes.Cut(lines.Bytes(), []byte("#"))
		if at.line == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff")) // the byte order mark that some editors write
		}
		words = slices.AppendSeq(words[:0], strings.FieldsSeq(string(text)))
		if len(words) > 0 {
			err = each(&args{line: line{words: words, at: at}})
		}
	}
	switch {
	case limited.N == 0: // whatever else is wrong: the last line is not whole
		return at.fail("file", fault{fmt.Sprintf("is larger than %d bytes", k.size), k.divide})
	case err != nil:
		return err
	case errors.Is(lines.Err(), bufio.ErrTooLong):
		at.line++
		return at.fail("line", fault{fmt.Sprintf("is longer than %d bytes", k.length), k.shorten})
	case lines.Err() != nil:
		return at.fail("file", lines.Err())
	default:
		return nil
	}
}
