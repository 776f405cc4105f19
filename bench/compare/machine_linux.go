package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"example.org/healthlb/bench/peer"
)

// programs are those whose versions matter, with what tells them; and bin/coredns, when it is known where that is.
var programs = []program{
	{"gdnsd", "gdnsd", "-V", version}, // which it does not know, and tells with its version
	{"PowerDNS", "pdns_server", "--version", version},
	{"NSD", "nsd", "-v", version},
	{"Knot DNS", "knotd", "-V", version},
	{"gcc", "gcc", "--version", version},
}

type program struct {
	name, command, argument string
	pattern                 *regexp.Regexp // its first group is what is told
}

var (
	version = regexp.MustCompile(`(\d+(\.\d+)+)`)
	commit  = regexp.MustCompile(`go\S+, (\S+)`) // at the end of what CoreDNS tells of itself
)

// machine tells on what, and with what, the figures were taken.
func machine() map[string]string {
	m := map[string]string{
		"date":  time.Now().UTC().Format(time.DateOnly),
		"cores": strconv.Itoa(runtime.NumCPU()),
		"Go":    strings.TrimPrefix(runtime.Version(), "go"),
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				m["processor"] = strings.TrimSpace(value)
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m["kernel"] = strings.TrimSpace(string(text))
	}
	for _, program := range programs {
		path, err := peer.Server{Command: program.command}.Find()
		if err != nil {
			continue
		}
		text, _ := exec.Command(path, program.argument).CombinedOutput() // some tell their version as an error
		if match := program.pattern.FindSubmatch(text); match != nil {
			m[program.name] = string(match[1])
		}
	}
	return m
}

// writeWhole writes the data file of a part, unless something is broken, which it returns.
func (o *options) writeWhole(part string, data any, broken error) error {
	if broken == nil {
		return o.write(part, data)
	}
	if o.out != "" {
		fmt.Printf("\nThe data file of %s was not written, as something is broken.\n", part)
	}
	return broken
}

// write writes the data file of a part, if data files are wanted.
func (o *options) write(part string, data any) error {
	if o.out == "" {
		return nil
	}
	text, err := json.MarshalIndent(data, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	path := filepath.Join(o.out, part+".json")
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Printf("The figures of all rounds are in %s.\n", path)
	return nil
}
