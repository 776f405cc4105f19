package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"
)

// calibrationTime is how long the loop runs before and after each benchmark function.
const calibrationTime = 45 * time.Millisecond

// function is a benchmark function, with all of its sub-benchmarks.
type function struct {
	pkg    string // import path
	dir    string // where tests of the package run
	binary string // the test binary
	name   string
}

// build builds the test binaries, and returns the benchmark functions that are to be run.
func build(ctx context.Context, dir string, o *options) (functions []function, err error) {
	wanted, err := regexp.Compile(o.bench)
	if err != nil {
		return nil, err
	}
	const tests = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}\t{{.Dir}}{{end}}"
	list, err := output(exec.CommandContext(ctx, "go", append([]string{"list", "-f", tests}, o.packages...)...))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(list)) {
		pkg, where, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if !hasBenchmark(where) {
			continue
		}
		progress("build the tests of %s", pkg)
		binary := filepath.Join(dir, strings.ReplaceAll(pkg, "/", "_")+".test")
		if _, err := output(exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, pkg)); err != nil {
			return nil, err
		}
		listing := exec.CommandContext(ctx, binary, "-test.list=^Benchmark")
		listing.Dir = where
		names, err := output(listing)
		if err != nil {
			return nil, err
		}
		for name := range strings.FieldsSeq(string(names)) {
			if strings.HasPrefix(name, "Benchmark") && wanted.MatchString(name) {
				functions = append(functions, function{pkg, where, binary, name})
			}
		}
	}
	if len(functions) == 0 {
		return nil, fmt.Errorf("there is no benchmark %s in %s", o.bench, strings.Join(o.packages, " "))
	}
	return functions, nil
}

// hasBenchmark says whether a benchmark is in a directory's tests, so that binaries without one need not be built.
func hasBenchmark(dir string) bool {
	files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte("\nfunc Benchmark")) {
			return true
		}
	}
	return false
}

// measure runs all functions in rounds. It returns what they have measured, in the order in which they ran, and how long a cal took each time.
// What fails does not keep the others from running.
func measure(ctx context.Context, functions []function, o *options) (results []result, cals []float64, failed error) {
	span := calibrationTime
	if o.short {
		span = time.Millisecond
	}
	calibrate(span) // memory is there from now on
	began := time.Now()
	for n := range o.count {
		if spent := time.Since(began); n > 0 && o.most > 0 && spent+spent/time.Duration(n) > o.most {
			break
		}
		before := calibrate(span)
		for _, f := range functions {
			progress("round %d of %d: %s", n+1, o.count, f.name)
			found, err := f.run(ctx, o)
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			after := calibrate(span)
			cal := (before + after) / 2
			for _, r := range found {
				r.cals /= cal
				results = append(results, r)
			}
			cals = append(cals, cal)
			before = after
		}
	}
	progress("")
	return results, cals, failed
}

// progress shows what is going on, if anybody looks.
func progress(format string, args ...any) {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		fmt.Fprintf(os.Stderr, "\r\033[K"+format, args...)
	}
}

// run runs a function once. Times are in nanoseconds still.
func (f *function) run(ctx context.Context, o *options) (results []result, err error) {
	cmd := exec.CommandContext(ctx, f.binary, "-test.run=^$", "-test.bench=^"+f.name+"$", "-test.benchmem",
		"-test.benchtime="+o.benchtime, "-test.timeout=5m")
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(procs))
	text, err := output(cmd)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", f.name, f.pkg, err)
	}
	for line := range strings.Lines(string(text)) {
		if r, ok := parseResult(line); ok {
			r.pkg = f.pkg
			results = append(results, r)
		}
	}
	return results, nil
}

// output runs a command. All that it says is in the error when it fails.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s%s", err, out, stderr.Bytes())
	}
	return out, nil
}
