// Package test drives the real binaries from outside: it starts CoreDNS with a Corefile, asks it with dig, and operates it over HTTP and
// with healthlbctl.
//
// The binaries are built here with the race detector, whose reports fail the test that they belong to. HEALTHLB_COREDNS and HEALTHLB_CTL
// name others to run instead.
package test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The programs that the tests run.
var (
	binary string // CoreDNS
	ctl    string // healthlbctl
)

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "4"); err != nil { // the tests mostly wait; -parallel says otherwise
		panic(err)
	}
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if _, err := exec.LookPath("dig"); err != nil {
		fmt.Fprintln(os.Stderr, "The end-to-end tests ask with dig, which is not here. Install it: apt-get install bind9-dnsutils")
		return 1
	}
	dir, err := os.MkdirTemp("", "healthlb-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for _, program := range []struct {
		path             *string
		env, name, built string
	}{{&binary, "HEALTHLB_COREDNS", "coredns", "../build"}, {&ctl, "HEALTHLB_CTL", "healthlbctl", "../cmd/healthlbctl"}} {
		if *program.path = os.Getenv(program.env); *program.path != "" {
			continue
		}
		*program.path = filepath.Join(dir, program.name)
		build := exec.Command("go", "build", "-race", "-tags", "grpcnotrace", "-o", *program.path, program.built)
		build.Env = append(os.Environ(), "CGO_ENABLED=1") // the race detector needs it
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n%s", build.Args, err, out)
			return 1
		}
	}
	return m.Run()
}
