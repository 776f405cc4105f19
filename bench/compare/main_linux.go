// Compare measures bin/coredns with healthlb side by side with what people would use instead, part by part:
//
//	go run ./bench/compare [flags] answers|express|probing|failover|scale...
//
// Tables are written to standard output as Markdown, and all raw figures to data files. It fails when something is broken, not when a
// figure is worse than it should be.
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
	"syscall"

	"example.org/healthlb/bench/peer"
)

// options say how to measure.
type options struct {
	short  bool   // each measurement a second or so, only to see that everything works
	out    string // the folder of the data files; empty: none are written
	only   string // only these servers, with commas between them; empty: all
	binary string // bin/coredns
	dir    string // for configurations; removed at the end

	serverCore, clientCore int // the servers have a core of their own, where there are two
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
	flags.StringVar(&o.out, "out", "", "`folder` of the data files (default docs/performance, with -short none)")
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
	if err := o.complete(); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir)
	removeWhenInterrupted(o.dir)

	for _, name := range flags.Args() {
		if broken := parts[name](&o); broken != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, broken)) // the others may work
		}
	}
	return err
}

// complete finds out what no flag says.
func (o *options) complete() error {
	root, err := repository()
	if err != nil {
		return err
	}
	if o.out == "" && !o.short {
		o.out = filepath.Join(root, "docs", "performance")
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
	o.dir, err = os.MkdirTemp("", "healthlb-compare")
	return err
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

// removeWhenInterrupted removes the folder at Ctrl-C. The servers are killed by the kernel, as this process has started them.
func removeWhenInterrupted(dir string) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		os.RemoveAll(dir)
		os.Exit(130)
	}()
}
