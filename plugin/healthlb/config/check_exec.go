package config

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"example.org/healthlb/plugin/healthlb/probe"
)

// parseExec parses COMMAND [ARGS...]: the rest of the line, which no shell sees. That the command is there is checked here and not when
// the check is built for a pool, since a default of the block may be built much later, for a pool made at run time.
func parseExec(a *args, port uint16) (buildCheck, error) {
	o := probe.ExecOptions{}
	var err error
	if o.Command, err = take(a, "COMMAND", a.command); err != nil {
		return nil, err
	}
	if _, err := probe.NewExec(port, o); err != nil {
		return nil, a.fail(fault{"cannot be run: " + err.Error(), "write the name of an executable file, or of a command in PATH"})
	}
	for a.more() {
		arg, err := take(a, "ARGS", func(s string) (string, error) { return parseArgument(s, port) })
		if err != nil {
			return nil, err
		}
		o.Args = append(o.Args, arg)
	}
	return func(c checkCache, _ string) (probe.Check, error) { return c.newExec(port, o) }, nil
}

// command makes the name of a command absolute. A name without a slash is looked up in PATH, all others are names of files.
func (a *args) command(name string) (string, error) {
	if a.dir == noFiles {
		return "", fault{"is a command, which only the Corefile may name", "leave it out, or write the pool into the Corefile"}
	}
	if name == "" || strings.ContainsRune(name, filepath.Separator) {
		return a.absolute(name)
	}
	path, err := exec.LookPath(name)
	if err != nil || !filepath.IsAbs(path) {
		return "", fault{"is no command in PATH", "write the name of one that is, or of an executable file with a slash in it"}
	}
	return path, nil
}

// parseArgument checks an argument of a command.
func parseArgument(s string, port uint16) (string, error) {
	switch {
	case strings.ContainsRune(s, 0):
		return "", fault{"has a NUL byte, which ends an argument", "leave it out"}
	case port == 0 && strings.Contains(s, probe.PortWord):
		return "", fault{"stands for the port, and none is said", "write it before the command: check exec PORT COMMAND"}
	}
	return s, nil
}

func (c checkCache) newExec(port uint16, o probe.ExecOptions) (probe.Check, error) {
	type key struct {
		port uint16
		exec string
	}
	words := slices.Concat([]string{o.Command}, o.Args)
	return c.get(key{port, fmt.Sprintf("%q", words)}, func() (probe.Check, error) { return probe.NewExec(port, o) })
}

// mayExec refuses exec checks where the block does not allow them.
func (r *blockReader) mayExec(checks []check) error {
	for _, c := range checks {
		if c.words[1] == "exec" && (!r.allowExec.ok() || r.dir == noFiles) {
			return c.at.fail(show(c.words), fault{
				"runs a command, which this block does not allow",
				"add allow_exec to the healthlb block, or use another kind of check",
			})
		}
	}
	return nil
}
