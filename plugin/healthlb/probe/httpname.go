package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// httpName returns the name and the key of a check, but for the files that it reads.
//
// A name is shown to everybody, so that of a header that lets its sender in it has only a digest. The key has a longer one.
func httpName(kind string, opts HTTPOptions, secured TLSOptions) (name, key string) {
	words := []string{kind}
	say := func(option string, values ...string) { words = append(append(words, option), values...) }
	secrets := sha256.New()
	if opts.Path != "/" {
		say("path", spoken(opts.Path))
	}
	if opts.Host != "" {
		say("host", opts.Host)
	}
	if opts.Method != http.MethodGet {
		say("method", opts.Method)
	}
	for _, f := range opts.Header {
		value := spoken(f.Value)
		if f.secret() {
			sum := sha256.Sum256([]byte(f.Value))
			value = "(" + hex.EncodeToString(sum[:4]) + ")"
			fmt.Fprintf(secrets, "%d:%s", len(f.Value), f.Value)
		}
		say("header", f.Name, value)
	}
	if status := opts.Status.String(); status != "200-299" {
		say("status", status)
	}
	if len(opts.Body) > 0 {
		say("body", quote(opts.Body))
	}
	if opts.Regexp != nil {
		say("body_regexp", spoken(opts.Regexp.String()))
	}
	if len(opts.Lame) > 0 {
		say("lame", quote(opts.Lame))
	}
	if opts.Follow > 0 {
		say("follow", strconv.Itoa(opts.Follow))
	}
	name = strings.Join(append(words, secured.words()...), " ")
	for _, f := range opts.Header {
		if f.secret() {
			return name, name + " secrets " + hex.EncodeToString(secrets.Sum(nil)[:16])
		}
	}
	return name, name
}

// spoken puts a word in quotes if the Corefile needs them. There the only escape is that of a quote.
func spoken(word string) string {
	if word == "" || strings.ContainsAny(word, " \t\"{}#") {
		return `"` + strings.ReplaceAll(word, `"`, `\"`) + `"`
	}
	return word
}

// secretWords are in the names of headers that let their sender in.
var secretWords = [...]string{"auth", "cookie", "credential", "key", "pass", "secret", "session", "signature", "token"}

// secret says whether the field is likely to let its sender in.
func (f HeaderField) secret() bool {
	name := strings.ToLower(f.Name)
	for _, w := range secretWords {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}
