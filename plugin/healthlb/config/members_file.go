package config

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"example.org/healthlb/plugin/healthlb/pool"
)

// Limits of a members file. The line is many times what a member can need; the file holds more members than DNS could ever name.
const (
	maxMembersFile = 16 << 20 // bytes
	maxMembersLine = 4 << 10  // bytes
)

// membersFile is a members line: the name of a file, absolute.
type membersFile struct {
	name string
	at   pos
}

// ReloadMembers reads the pool's members files again and returns the whole new list: the Corefile's own members, then those of
// each file. All of it is checked as it is at the start; on an error, which names file and line, the old list is the one to keep.
// The pool itself does not change, and without members files the list is Spec.Members.
func (p *Pool) ReloadMembers() ([]pool.Member, error) {
	if len(p.files) == 0 {
		return p.Members, nil
	}
	return p.gather(p.own, p.files)
}

func (p *Pool) gather(own []member, files []membersFile) ([]pool.Member, error) {
	all := make([]pool.Member, 0, len(own))
	r := newRoster(len(p.Checks))
	for i := range own {
		if err := r.add(&own[i]); err != nil {
			return nil, err
		}
		all = append(all, own[i].Member)
	}
	for _, f := range files {
		members, err := f.read(r)
		if err != nil {
			return nil, err
		}
		all = append(all, members...)
	}
	if len(all) == 0 {
		return nil, files[0].fail(fault{
			"leaves the pool " + p.Name + " without a member",
			"write one a line, for example: 192.0.2.10 port 8443",
		})
	}
	return all, nil
}

// read reads the members of one file, and takes them into r.
func (f membersFile) read(r *roster) ([]pool.Member, error) {
	// Opening anything else might wait for ever.
	if info, err := os.Stat(f.name); err != nil {
		return nil, f.fail(err)
	} else if !info.Mode().IsRegular() {
		return nil, f.fail(fault{"is no regular file", "write the name of a file with one member a line"})
	}
	file, err := os.Open(f.name)
	if err != nil {
		return nil, f.fail(err)
	}
	defer file.Close()
	return parseMembersFile(file, f.name, r)
}

// fail returns an error at the members line.
func (f membersFile) fail(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err // the name is in the line that was read
	}
	return f.at.fail("members "+showWord(f.name), err)
}

// parseMembersFile parses lines like those of the Corefile, without the word member.
func parseMembersFile(file io.Reader, name string, r *roster) ([]pool.Member, error) {
	var members []pool.Member
	limited := &io.LimitedReader{R: file, N: maxMembersFile + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxMembersLine)
	at := pos{file: name}
	for lines.Scan() {
		at.line++
		text, _, _ := strings.Cut(lines.Text(), "#")
		if at.line == 1 {
			text = strings.TrimPrefix(text, "\ufeff") // the byte order mark that some editors write
		}
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		m, err := parseMember(&args{line: line{words: words, at: at}})
		if err != nil {
			return nil, err
		}
		if err := r.add(&m); err != nil {
			return nil, err
		}
		members = append(members, m.Member)
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		at.line++
		return nil, at.fail("line", fault{fmt.Sprintf("is longer than %d bytes", maxMembersLine), "write one member a line"})
	} else if err != nil {
		return nil, at.fail("file", err)
	}
	if limited.N == 0 {
		return nil, at.fail("file", fault{fmt.Sprintf("is larger than %d bytes", maxMembersFile), "split the pool"})
	}
	return members, nil
}
