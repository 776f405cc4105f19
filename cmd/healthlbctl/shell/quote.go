// Package shell runs an operator's command by /bin/sh for one member of a pool: what it is told is quoted, its output is passed on line
// by line, and it can be ended with all that it has started.
package shell

import "strings"

// Quote returns s as one word of a POSIX shell, whatever is in it but NUL, which no argument of a process can hold. What needs no quotes
// gets none, so that the ordinary name or address also fits where the operator has put quotes of his own around it.
func Quote(s string) string {
	if s != "" && strings.IndexFunc(s, special) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// special tells whether a character may be more than itself to some shell. All are but those that are known not to be.
func special(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("_-.:/@%+,", r)
}

// Expand puts values, quoted, in the places of their names in braces. All other braces stay as they are, and so does ${name}, which is
// the shell's.
func Expand(command string, values map[string]string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(command, '{')
		if open < 0 {
			break
		}
		b.WriteString(command[:open])
		shells := open > 0 && command[open-1] == '$'
		command = command[open:]
		end := strings.IndexByte(command, '}')
		value, known := "", false
		if end > 0 {
			value, known = values[command[1:end]]
		}
		if known && !shells {
			b.WriteString(Quote(value))
			command = command[end+1:]
		} else {
			b.WriteByte('{')
			command = command[1:]
		}
	}
	b.WriteString(command)
	return b.String()
}
