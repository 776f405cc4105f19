// Package test drives the real binary from outside: it starts CoreDNS with a Corefile, asks it with dig, and operates it over HTTP.
//
// The binary is built here with the race detector, whose reports fail the test that they belong to. HEALTHLB_COREDNS names another
// one to run instead.
package test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the CoreDNS that the tests run.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if _, err := exec.LookPath("dig"); err != nil {
		fmt.Fprintln(os.Stderr, "The end-to-end tests ask with dig, which is not here. Install it: apt-get install bind9-dnsutils")
		return 1
	}
	if binary = os.Getenv("HEALTHLB_COREDNS"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "healthlb-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "coredns")
	build := exec.Command("go", "build", "-race", "-tags", "grpcnotrace", "-o", binary, "../build")
	build.Env = append(os.Environ(), "CGO_ENABLED=1") // the race detector needs it
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build.Args, err, out)
		return 1
	}
	return m.Run()
}
