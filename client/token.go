package client

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"
)

// maxTokenFile is the largest token file read, in bytes. It has one line.
const maxTokenFile = 64 << 10

// bearer is the form of a token in a header: b64token of RFC 6750 section 2.1.
var bearer = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// tokenSource is where the token comes from. No error of it quotes what it read.
type tokenSource struct {
	file string // empty: the token never changes

	mu    sync.Mutex // guards what follows
	token string     // the last good one; empty: none
}

func newTokenSource(s Settings) (*tokenSource, error) {
	t := &tokenSource{file: s.TokenFile, token: s.Token}
	switch {
	case s.Token != "" && s.TokenFile != "":
		return nil, errors.New("both a token and a token file: want one of them")
	case s.Token != "" && !bearer.MatchString(s.Token):
		return nil, fmt.Errorf("the token %w", errBearer)
	}
	_, err := t.get()
	return t, err
}

var errBearer = errors.New("has a character that a header cannot carry: want A-Z a-z 0-9 . _ ~ + / - with = at the end only")

// get returns the token as it is now; empty: there is none. A file that cannot be read any more leaves the last one in force, as it may
// be just being replaced.
func (t *tokenSource) get() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == "" {
		return t.token, nil
	}
	token, err := readToken(t.file)
	if err != nil && t.token == "" {
		return "", fmt.Errorf("token file %s: %w", t.file, err)
	}
	if err == nil {
		t.token = token
	}
	return t.token, nil
}

// redact takes the token out of a text that comes from elsewhere.
func (t *tokenSource) redact(text string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == "" {
		return text
	}
	return strings.ReplaceAll(text, t.token, "(the token)")
}

func readToken(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", bare(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxTokenFile+1))
	switch {
	case err != nil:
		return "", bare(err)
	case len(data) > maxTokenFile:
		return "", fmt.Errorf("more than %d bytes: want one line, the token", maxTokenFile)
	}
	return parseToken(string(data))
}

// parseToken reads the one line of a token file. A word that begins with # begins a comment.
func parseToken(text string) (token string, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		for i, word := range strings.Fields(line) {
			switch {
			case strings.HasPrefix(word, "#"):
			case token != "":
				return "", fmt.Errorf("line %d: a word behind the token: want the token alone", number)
			case !bearer.MatchString(word):
				return "", fmt.Errorf("line %d: word %d %w", number, i+1, errBearer)
			default:
				token = word
				continue
			}
			break
		}
	}
	if token == "" {
		return "", errors.New("no token in it: want one line, the token")
	}
	return token, nil
}

// bare is an error of a file without the file's name.
func bare(err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}
