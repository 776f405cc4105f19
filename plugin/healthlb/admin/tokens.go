package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"example.org/healthlb/plugin/healthlb/stamp"
)

// role is what a caller may do.
type role int

const (
	nobody      role = iota
	mayRead          // GET and HEAD
	mayRegister      // the calls that are offered to servers about themselves
	mayOperate       // everything
)

var roles = map[string]role{"read": mayRead, "register": mayRegister, "operate": mayOperate}

// token is one line of a token file. Only the digest is kept, so that no copy of the process's memory gives tokens away, and all
// comparisons are of one length.
type token struct {
	digest [sha256.Size]byte
	role   role
	name   string // for the log: what the comment behind it says
}

type tokens []token

// minToken is the shortest token taken, in characters: 16 of base64 are 96 bits, of hexadecimal digits 64.
const minToken = 16

// maxTokenFile is the largest token file read, in bytes.
const maxTokenFile = 1 << 20

// bearer is the form of a token in a header: b64token of RFC 6750 section 2.1.
var bearer = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

func readTokens(file string) (tokens, error) {
	data, err := stamp.Read(file, maxTokenFile)
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	list, err := parseTokens(string(data))
	if err != nil {
		return nil, fmt.Errorf("token file %s: %w", file, err)
	}
	return list, nil
}

// maxName is how much of a comment names a token, in bytes.
const maxName = 64

// parseTokens reads one `TOKEN [ROLE]` a line. A word that begins with # begins a comment, which names the token before it. No error
// quotes the line, for a token may be anywhere on it.
func parseTokens(text string) (tokens, error) {
	var list tokens
	first := make(map[[sha256.Size]byte]int) // line by digest
	number := 0
	for line := range strings.Lines(text) {
		number++
		words, comment := strings.Fields(line), ""
		for i, word := range words {
			if strings.HasPrefix(word, "#") {
				comment = strings.TrimLeft(strings.Join(words[i:], " "), "# ")
				words = words[:i]
				break
			}
		}
		if len(words) == 0 {
			continue
		}
		t, err := parseToken(words)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if before, found := first[t.digest]; found {
			return nil, fmt.Errorf("line %d: the same token as on line %d: want each once", number, before)
		}
		first[t.digest] = number
		if t.name = printable(comment, maxName); t.name == "" {
			t.name = fmt.Sprintf("token of line %d", number)
		}
		list = append(list, t)
	}
	if len(list) == 0 {
		return nil, errors.New("no token in it: want one TOKEN [ROLE] a line")
	}
	return list, nil
}

func parseToken(words []string) (token, error) {
	switch word := words[0]; {
	case len(words) > 2:
		return token{}, fmt.Errorf("%d words: want TOKEN [ROLE]", len(words))
	case len(word) < minToken:
		return token{}, fmt.Errorf("the token has %d characters: want at least %d", len(word), minToken)
	case !bearer.MatchString(word):
		return token{}, errors.New("the token has a character that a header cannot carry: want A-Z a-z 0-9 . _ ~ + / - with = at the end only")
	}
	t := token{digest: sha256.Sum256([]byte(words[0])), role: mayOperate}
	if len(words) == 2 {
		if t.role = roles[words[1]]; t.role == nobody {
			return token{}, errors.New("unknown role behind the token: want read, register or operate")
		}
	}
	return t, nil
}

// find returns the line of a presented token, the zero token when there is none, in a time that tells neither how much of it was right
// nor which line it met.
func (list tokens) find(presented string) token {
	digest := sha256.Sum256([]byte(presented))
	found := -1
	for i, t := range list {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(digest[:], t.digest[:]), i, found)
	}
	if found < 0 {
		return token{}
	}
	return list[found]
}
