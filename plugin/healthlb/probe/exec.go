package probe

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ExecOptions say what is run.
type ExecOptions struct {
	Command string // an absolute file name
	Args    []string
}

// {address} and {port} stand in arguments for the address that is probed and its port.
const (
	AddressWord = "{address}"
	PortWord    = "{port}"
)

func execName(opts ExecOptions) string {
	words := []string{"exec", execWord(opts.Command)}
	for _, arg := range opts.Args {
		words = append(words, execWord(arg))
	}
	return strings.Join(words, " ")
}

// execWord writes an argument as the Corefile would. There a backslash stands for itself, other than in send and expect. What cannot be
// said on one line, such as a newline or a quote within spaces, is written with the escapes of send instead, so that different arguments
// never look the same.
func execWord(s string) string {
	simple := utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
	switch {
	case simple && s != "" && !strings.ContainsAny(s, " \"#"):
		return s
	case simple && !strings.ContainsAny(s, `"\`):
		return `"` + s + `"`
	default:
		return quote([]byte(s))
	}
}
