package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// result is what a benchmark has measured in one round.
type result struct {
	pkg, name string  // the name without Benchmark, and without GOMAXPROCS
	cals      float64 // an operation's
	bytes     int64   // an operation's; -1: it did not say
	allocs    int64   // likewise
}

// parseResult reads a line of a test binary's output. It returns the time in nanoseconds in place of cals, and false when the line is none
// of a benchmark that tells ns/op.
func parseResult(line string) (r result, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || len(fields)%2 != 0 {
		return r, false
	}
	name, found := strings.CutPrefix(fields[0], "Benchmark")
	if n, err := strconv.Atoi(fields[1]); !found || err != nil || n < 1 {
		return r, false
	}
	// The testing package adds GOMAXPROCS to names. A name may end in a number of its own.
	r = result{name: strings.TrimSuffix(name, "-"+strconv.Itoa(procs)), bytes: -1, allocs: -1}
	for i := 2; i < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil || !(value >= 0 && value < math.MaxInt64) {
			return r, false
		}
		switch fields[i+1] {
		case "ns/op":
			r.cals = value
		case "B/op":
			r.bytes = int64(value)
		case "allocs/op":
			r.allocs = int64(value)
		}
	}
	return r, r.cals > 0 && r.name != ""
}

// format writes results in the form that benchstat reads (https://go.dev/design/14313-benchmark-format), those of one benchmark together.
// cals are how long a cal took each time. benchstat compares only what has the same calibration and benchtime.
func format(results []result, cals []float64, benchtime string) []byte {
	order := make(map[string]int) // of the benchmarks: that in which they ran
	for _, r := range results {
		if key := r.pkg + " " + r.name; order[key] == 0 {
			order[key] = len(order) + 1
		}
	}
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(a, b result) int {
		return cmp.Compare(order[a.pkg+" "+a.name], order[b.pkg+" "+b.name])
	})

	var w bytes.Buffer
	fmt.Fprintf(&w, "# %s %s/%s, %d CPUs. %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), pace(cals))
	fmt.Fprintf(&w, "Unit cal/op better=lower\ncalibration: %d\nbenchtime: %s\n", calibration, benchtime)
	pkg := ""
	for _, r := range sorted {
		if r.pkg != pkg {
			pkg = r.pkg
			fmt.Fprintf(&w, "pkg: %s\n", pkg)
		}
		fmt.Fprintf(&w, "Benchmark%s 1 %s cal/op", r.name, short(r.cals))
		if r.bytes >= 0 {
			fmt.Fprintf(&w, " %d B/op", r.bytes)
		}
		if r.allocs >= 0 {
			fmt.Fprintf(&w, " %d allocs/op", r.allocs)
		}
		w.WriteByte('\n')
	}
	return w.Bytes()
}

// pace tells how long a cal took, each time that it was measured.
func pace(cals []float64) string {
	if len(cals) == 0 {
		return ""
	}
	sorted := slices.Sorted(slices.Values(cals))
	last := len(sorted) - 1
	return fmt.Sprintf("A cal took %.2f ns, half of the time %.2f to %.2f.", sorted[last/2], sorted[last/4], sorted[last-last/4])
}
