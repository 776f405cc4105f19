// Command baseline runs the Go benchmarks, and compares them with those of a committed baseline, though the machine is another one or works at
// another pace today: see make bench and make bench-baseline.
//
// Each time is divided by that of a fixed loop (see calibrate.go), which runs right before and right after each benchmark function. The unit is
// the cal, a thousandth of a round of that loop: about 1 ns on the machine that the loop was made on, so figures read like nanoseconds. What
// the change from one run to the next says:
//
//   - Every benchmark function runs in a process of its own, in COUNT rounds over all of them: of what differs from process to process
//     (addresses, the state of the collector) and from minute to minute (the machine), each round has other things. benchstat compares the medians,
//     and calls a change significant when chance alone would give it in less than one of 20 comparisons. So of 250 benchmarks that are
//     what they were, a dozen are said to have changed: look at how much, and run again what looks wrong.
//   - cal/op moves with the code, with the Go version, and, less than ns/op does, with the machine: a benchmark waits for memory, for the kernel
//     or for other cores more than the loop does, or less. Across kinds of machines, trust factors, not per cents.
//   - B/op and allocs/op hardly depend on the machine.
//   - Benchmarks that do not report ns/op are run, and left out: what they report is a ratio already.
//
// GOMAXPROCS is 2 for all of them, whatever the machine has, so that what runs in parallel and the collector have as much room everywhere.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

const committed = "bench/baseline/baseline.txt"

// procs is the GOMAXPROCS of all that is measured.
const procs = 2

type options struct {
	bench     string        // a regular expression: which functions
	benchtime string        // for each benchmark, as go test's
	count     int           // rounds
	most      time.Duration // for all rounds; 0: as long as they take
	short     bool
	part      bool   // not all benchmarks run
	all       bool   // tell what has not changed, too
	write     bool   // make the results the baseline
	baseline  string // file
	out       string // file; empty: none
	packages  []string
}

func main() {
	var o options
	flag.StringVar(&o.bench, "bench", ".", "run only benchmark functions that match this `regexp`")
	flag.StringVar(&o.benchtime, "benchtime", "20ms", "run each benchmark for so long; results of one are not compared with those of another")
	flag.IntVar(&o.count, "count", 6, "make so many `rounds`; benchstat wants 6 for its 95% confidence intervals")
	flag.DurationVar(&o.most, "most", 6*time.Minute, "begin no round that would probably end later than this")
	flag.BoolVar(&o.short, "short", false, "run each benchmark once, and say only whether all work")
	flag.BoolVar(&o.all, "all", false, "tell what has not changed, too")
	flag.BoolVar(&o.write, "write", false, "make the results the baseline")
	flag.StringVar(&o.baseline, "baseline", committed, "compare with this `file`")
	flag.StringVar(&o.out, "out", "", "write the results to this `file`")
	flag.Parse()
	o.part = o.bench != "." || flag.NArg() > 0
	if o.packages = flag.Args(); len(o.packages) == 0 {
		o.packages = []string{"./plugin/..."}
	}
	if o.short {
		o.count, o.benchtime = 1, "1x"
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "baseline:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	if o.write && o.part && o.baseline == committed {
		return errors.New("a baseline of a part of the benchmarks would lose the others: say another -baseline")
	}
	runtime.GOMAXPROCS(procs)
	dir, err := os.MkdirTemp("", "healthlb-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	functions, err := build(ctx, dir, o)
	if err != nil {
		return err
	}
	began := time.Now()
	results, cals, err := measure(ctx, functions, o)
	if err != nil {
		return err
	}
	fmt.Printf("%d benchmarks in %d rounds, %s. %s\n\n", distinct(results), len(cals)/len(functions), time.Since(began).Round(time.Second), pace(cals))
	text := format(results, cals, o.benchtime)
	if o.write {
		return os.WriteFile(o.baseline, text, 0o644)
	}
	if o.out == "" {
		o.out = filepath.Join(dir, "new.txt")
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(o.out, text, 0o644); err != nil {
		return err
	}
	return compare(ctx, o)
}

// distinct is how many benchmarks there are results of.
func distinct(results []result) int {
	names := make([]string, len(results))
	for i, r := range results {
		names[i] = r.pkg + " " + r.name
	}
	slices.Sort(names)
	return len(slices.Compact(names))
}
