package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

const benchstat = "golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da"

// compare has benchstat compare the results with the baseline, and prints what has changed.
func compare(ctx context.Context, o *options) error {
	if _, err := os.Stat(o.baseline); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: make bench-baseline writes it", err)
	}
	form := "csv"
	if o.all {
		form = "text"
	}
	out, err := output(exec.CommandContext(ctx, "go", "run", benchstat, "-format", form, "baseline="+o.baseline, "now="+o.out))
	if err != nil || o.all {
		fmt.Print(string(out))
		return err
	}
	rows, err := parseRows(out)
	switch {
	case err != nil:
		return err
	case o.short:
		fmt.Println("All work. Nothing can be said of their times: each ran once.")
	case !slices.ContainsFunc(rows, func(r row) bool { return r.before != "" && r.now != "" }):
		return fmt.Errorf("nothing can be compared with %s: it has other benchmarks, or was made with another calibration or -benchtime", o.baseline)
	default:
		show(rows, o.part)
	}
	return nil
}

// row is a line of benchstat's tables: a benchmark, or the geometric mean of those of a package.
type row struct {
	pkg, unit, name string
	before, now     string // empty: that side has not got it
	change          string // in per cent, ~ for one that may be chance; empty when there is but one side
}

const mean = "geomean"

// parseRows reads what benchstat writes as CSV: tables of several widths, with lines of the form key: value between them. A table has a line
// of files and one of units before its rows; a table of one file has no changes.
func parseRows(text []byte) (rows []row, err error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	lines, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("benchstat's CSV: %w", err)
	}
	var pkg, unit string
	before, now, change := 0, 0, 0 // their columns; 0: the table has none
	for _, f := range lines {
		cell := func(column int) string {
			if column == 0 || column >= len(f) { // a row ends with what there is
				return ""
			}
			return f[column]
		}
		switch {
		case len(f) == 1:
			if name, found := strings.CutPrefix(f[0], "pkg: "); found {
				pkg = name
			}
		case f[0] == "" && cell(2) == "CI":
			unit = f[1]
		case f[0] == "":
			before, now, change = slices.Index(f, "baseline"), slices.Index(f, "now"), 5
			if before < 0 || now < 0 {
				before, now, change = max(before, 0), max(now, 0), 0
			}
		default:
			rows = append(rows, row{pkg, unit, f[0], cell(before), cell(now), cell(change)})
		}
	}
	return rows, nil
}

// show prints the means of the packages, and what has changed. When a part of the benchmarks has run, the baseline has others.
func show(rows []row, part bool) {
	means, changes := newTable(), newTable()
	means.AppendHeader(table.Row{"package", "mean of cal/op"})
	changes.AppendHeader(table.Row{"package", "benchmark", "unit", "baseline", "now", "change"})
	for _, r := range rows {
		pkg := r.pkg[strings.LastIndexByte(r.pkg, '/')+1:]
		switch {
		case r.name == mean:
			if r.unit == "cal/op" && r.change != "" {
				means.AppendRow(table.Row{pkg, r.change})
			}
		case r.change == "" && r.unit != "cal/op": // said once
		case r.now == "" && part:
		case r.change != "~" && !r.negligible():
			changes.AppendRow(table.Row{pkg, r.name, r.unit, figure(r.before), figure(r.now), r.change})
		}
	}
	fmt.Println(means.RenderMarkdown())
	fmt.Println()
	if changes.Length() == 0 {
		fmt.Println("No benchmark has changed.")
		return
	}
	fmt.Println(changes.RenderMarkdown())
}

// negligible says whether a change is below 1%, or of fewer bytes than any object has. Figures of memory hardly vary, so that the least
// difference is significant.
func (r row) negligible() bool {
	before, err1 := strconv.ParseFloat(r.before, 64)
	now, err2 := strconv.ParseFloat(r.now, 64)
	if err1 != nil || err2 != nil {
		return false
	}
	change := math.Abs(now - before)
	return change < before/100 || r.unit == "B/op" && change < 8
}

func newTable() table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleDefault)
	t.Style().Markdown.PadContent = true
	return t
}

// figure is a number with four digits that mean something.
func figure(s string) string {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return "-"
	}
	return short(v)
}

// short writes a number with four digits that mean something, and all of those before the point.
func short(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
