package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// rebuilds runs the benchmark of what a change of one member's health costs within the process, and returns seconds by the number of
// members. It returns none where that benchmark is not at hand.
func (m *scaleMeter) rebuilds() (map[int]float64, error) {
	const folder = "plugin/healthlb"
	root, err := repository()
	if err != nil {
		return nil, nil
	}
	if _, err := os.Stat(filepath.Join(root, folder, "handler_bench_test.go")); err != nil {
		return nil, nil
	}
	fmt.Fprintln(os.Stderr, "scale: rebuilds")
	each := 50 * time.Millisecond
	if m.short {
		each = time.Millisecond
	}
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkRebuild$/^round_robin$/", "-benchtime", each.String(), "./"+folder)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return parseRebuilds(out)
}

// rebuildLine is a line of the benchmark.
var rebuildLine = regexp.MustCompile(`(?m)^BenchmarkRebuild/\S*members=(\d+)\S*\s+\d+\s+([0-9.]+) ns/op`)

func parseRebuilds(out []byte) (map[int]float64, error) {
	took := map[int]float64{}
	for _, found := range rebuildLine.FindAllSubmatch(out, -1) {
		members, err1 := strconv.Atoi(string(found[1]))
		nanos, err2 := strconv.ParseFloat(string(found[2]), 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		took[members] = nanos / 1e9
	}
	if len(took) == 0 {
		return nil, fmt.Errorf("there is no figure in:\n%s", out)
	}
	return took, nil
}
