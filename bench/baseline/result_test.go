package main

import (
	"math"
	"strings"
	"testing"
)

func TestParseResult(t *testing.T) {
	for _, tt := range []struct {
		line string
		want result
		ok   bool
	}{
		{"BenchmarkX/members=4-2   \t 158419\t       454.2 ns/op\t     160 B/op\t       1 allocs/op", result{name: "X/members=4", cals: 454.2, bytes: 160, allocs: 1}, true},
		{"BenchmarkX 1 3 ns/op", result{name: "X", cals: 3, bytes: -1, allocs: -1}, true},
		{"BenchmarkX/one-2-2 1 3 ns/op", result{name: "X/one-2", cals: 3, bytes: -1, allocs: -1}, true},
		{"BenchmarkX/http-3 1 3 ns/op 7 longest-us", result{name: "X/http-3", cals: 3, bytes: -1, allocs: -1}, true},
		{"BenchmarkX-2", result{}, false},                            // of which the result comes later
		{"BenchmarkX-2 1 0.9 x 12 B/op", result{}, false},            // it reports a ratio
		{"BenchmarkX-2 0 NaN ns/op 0 B/op", result{}, false},         // it failed
		{"BenchmarkX-2 1 NaN ns/op 0 B/op", result{}, false},         //
		{"BenchmarkX-2 1 3 ns/op 160", result{}, false},              //
		{"ok  \texample.org/healthlb/plugin\t5.5s", result{}, false}, //
		{"Benchmark 1 1 1 of this is no benchmark", result{}, false}, //
		{"cpu: AMD EPYC", result{}, false},                           //
		{"", result{}, false},                                        //
	} {
		got, ok := parseResult(tt.line)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%q: got %+v, %v; want %+v, %v", tt.line, got, ok, tt.want, tt.ok)
		}
	}
}

// FuzzParseResult checks that what is written of a result is read as that result.
func FuzzParseResult(f *testing.F) {
	f.Add("BenchmarkX/members=4-2   \t 158419\t       454.2 ns/op\t     160 B/op\t       1 allocs/op")
	f.Add("BenchmarkX 1 3e300 ns/op 1 longest-us")
	f.Fuzz(func(t *testing.T, line string) {
		r, ok := parseResult(line)
		if !ok {
			return
		}
		lines := strings.Split(strings.TrimSpace(string(format([]result{r}, nil, "1x"))), "\n")
		written := strings.Replace(lines[len(lines)-1], "cal/op", "ns/op", 1)
		again, ok := parseResult(written)
		if !ok || again.name != strings.TrimSuffix(r.name, "-2") || again.bytes != r.bytes || again.allocs != r.allocs ||
			math.Abs(again.cals-r.cals) > r.cals/1000 {
			t.Errorf("%q is read as %+v; written as %q, and read as %+v", line, r, written, again)
		}
	})
}

func TestFormat(t *testing.T) {
	text := string(format([]result{
		{"p/a", "X", 1234.5678, 160, 1}, {"p/a", "Y", 0.00123456, -1, -1}, {"p/b", "X", 2, 0, 0},
		{"p/a", "X", 1300, 160, 1}, {"p/a", "Y", 0.002, -1, -1}, {"p/b", "X", 3, 0, 0},
	}, []float64{1, 2, 3, 4, 5}, "20ms"))
	_, text, _ = strings.Cut(text, "\n")
	want := `Unit cal/op better=lower
calibration: 1
benchtime: 20ms
pkg: p/a
BenchmarkX 1 1235 cal/op 160 B/op 1 allocs/op
BenchmarkX 1 1300 cal/op 160 B/op 1 allocs/op
BenchmarkY 1 0.001235 cal/op
BenchmarkY 1 0.002 cal/op
pkg: p/b
BenchmarkX 1 2 cal/op 0 B/op 0 allocs/op
BenchmarkX 1 3 cal/op 0 B/op 0 allocs/op
`
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}
