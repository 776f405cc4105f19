// Compare measures bin/coredns with healthlb side by side with what people would use instead, part by part:
//
//	go run ./bench/compare [flags] answers|express|probing|failover|scale...
//
// Tables are written to standard output as Markdown, and all raw figures of a whole run to data files. It fails when something is broken,
// not when a figure is worse than it should be.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"example.org/healthlb/bench/peer"
)

// options say how to measure.
type options struct {
	short  bool   // each measurement a second or so, only to see that everything works
	out    string // the folder of the data files; empty: none are written, as it is not a whole run
	only   string // only these servers, with commas between them; empty: all
	binary string // bin/coredns
	dir    string // for configurations; removed at the end

	serverCore, clientCore int // the servers have a core of their own, where there are two

	mu      sync.Mutex // guards folders
	folders []string   // to be removed at the end
}

// parts are what can be measured.
var parts = map[string]func(*options) error{
	"answers":  answers,
	"express":  express,
	"probing":  probing,
	"failover": failover,
	"scale":    scale,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	var o options
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	flags.BoolVar(&o.short, "short", false, "a second or so for each measurement, to see that all works")
	flags.StringVar(&o.out, "out", "", "`folder` of the data files, which only whole runs write (default docs/performance)")
	flags.StringVar(&o.only, "only", "", "only these `servers`, with commas between them")
	flags.Parse(args)
	if flags.NArg() == 0 {
		return errors.New("say what to measure: answers, express, probing, failover, scale")
	}
	for _, name := range flags.Args() {
		if parts[name] == nil {
			return fmt.Errorf("%s is none of the parts: answers, express, probing, failover, scale", name)
		}
	}
	if err := o.checkOnly(flags.Args()); err != nil {
		return err
	}
	defer o.removeAll()
	o.removeWhenInterrupted()
	if err := o.complete(); err != nil {
		return err
	}

	for _, name := range flags.Args() {
		if broken := parts[name](&o); broken != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, broken)) // the others may work
		}
	}
	if why := o.partial(); why != "" && !isApart() { // who is, is told by the process that started it
		fmt.Printf("\nNo data files were written: %s.\n", why)
	}
	return err
}

// partial tells why it is not a whole run, whose figures are worth to be kept; empty: it is one.
func (o *options) partial() string {
	switch {
	case o.short:
		return "with -short the figures say little"
	case o.only != "":
		return "with -only some servers are missing"
	case o.serverCore == o.clientCore:
		return "with one core the figures are those of servers and client together"
	}
	return ""
}

// checkOnly is an error if -only has a server that none of the parts knows.
func (o *options) checkOnly(parts []string) error {
	if o.only == "" || isApart() { // which runs one part of several
		return nil
	}
	var known []string
	for _, part := range parts {
		for _, server := range serversOf(part) {
			if !slices.Contains(known, server) {
				known = append(known, server)
			}
		}
	}
	for name := range strings.SplitSeq(o.only, ",") {
		if !slices.Contains(known, name) {
			return fmt.Errorf("-only: %q is none of the servers: %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// serversOf returns the names of a part's servers.
func serversOf(part string) (names []string) {
	var servers []peer.Server
	switch part {
	case "answers":
		servers = slices.Concat(plainServers(), signedServers())
	case "express":
		for _, l := range lanes(false) {
			servers = append(servers, l.Server)
		}
	case "probing":
		servers = probedServers()
	case "failover":
		for _, w := range failoverWatchers(failoverFull) {
			servers = append(servers, w.Server)
		}
	}
	for _, s := range servers {
		names = append(names, s.Name)
	}
	return names
}

// complete finds out what no flag says.
func (o *options) complete() error {
	root, err := repository()
	if err != nil {
		return err
	}
	if o.binary = os.Getenv("HEALTHLB_COREDNS"); o.binary == "" {
		o.binary = filepath.Join(root, "bin", "coredns")
	}
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return err
	}
	if _, err := os.Stat(o.binary); err != nil {
		return fmt.Errorf("%w: `make build` makes it", err)
	}
	programs = append(programs, program{"CoreDNS", o.binary, "-version", version}, program{"healthlb", o.binary, "-version", commit})
	cores, err := peer.Cores()
	if err != nil {
		return err
	}
	o.serverCore, o.clientCore = cores[0], cores[min(1, len(cores)-1)]
	if len(cores) == 1 {
		fmt.Println("There is one core, which servers and client share: queries per second and latencies are those of both.")
	}
	if o.partial() != "" {
		o.out = ""
	} else if o.out == "" {
		o.out = filepath.Join(root, "docs", "performance")
	}
	if o.dir, err = os.MkdirTemp("", "healthlb-compare"); err != nil {
		return err
	}
	o.remove(o.dir)
	return nil
}

// repository is the root of this repository, the module that is run.
func repository() (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(mod))), nil
}

// wanted says whether a server is to be measured.
func (o *options) wanted(server string) bool {
	return o.only == "" || slices.Contains(strings.Split(o.only, ","), server)
}

// remove has a folder removed at the end, however that comes.
func (o *options) remove(dir string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.folders = append(o.folders, dir)
}

func (o *options) removeAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, dir := range o.folders {
		os.RemoveAll(dir)
	}
}

// removeWhenInterrupted removes the folders at Ctrl-C and the like; SIGPIPE tells that the reader of the tables has gone. The servers are
// killed by the kernel, as this process has started them.
func (o *options) removeWhenInterrupted() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	go func() {
		s := <-signals
		o.removeAll()
		os.Exit(128 + int(s.(syscall.Signal)))
	}()
}
