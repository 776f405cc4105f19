package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A point has a place in each plot, whose logarithmic axes have none for 0.
func TestScaleWritesDataAndPlots(t *testing.T) {
	points := []scalePoint{
		{scaleShape: scaleReference, Rate: 90000, CPU: 9, RateToReference: 1, CPUToReference: 1, Start: 0.02, Memory: 20,
			Change: 0.0004, Rebuild: 1e-6,
			Reload: &scaleReload{Took: []float64{0.004, 0.003}, Meanwhile: asking{10000, 1, 0.01}, Memory: 22, Most: 35}},
		{scaleShape: scaleShape{1, 100, "hash", 1}, Rate: 80000, CPU: 10, RateToReference: 0.9, CPUToReference: 1.1, Start: 0.03, Memory: 21,
			Change: 0.0005},
	}
	d := scaleData{Machine: machine(), Members: points, Pools: points[:1]}
	dir := t.TempDir()
	if err := d.report(&options{out: dir}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"answers-members.svg", "answers-pools.svg", "change.svg", "memory.svg", "start-reload.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "scale.json"))
	if err != nil {
		t.Fatal(err)
	}
	var read scaleData
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if len(read.Members) != 2 || read.Members[0].Reload.Meanwhile != points[0].Reload.Meanwhile || read.Members[1].Policy != "hash" {
		t.Errorf("the file has other points: %+v", read.Members)
	}
}

func TestParseRebuilds(t *testing.T) {
	got, err := parseRebuilds([]byte("goos: linux\nBenchmarkRebuild/round_robin/members=1-2   \t 163221\t       320.5 ns/op\t 80 B/op\n" +
		"BenchmarkRebuild/round_robin/members=10000         \t     36\t   1500000 ns/op\nPASS\n"))
	if err != nil || len(got) != 2 || got[1] != 320.5e-9 || got[10000] != 1.5e-3 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := parseRebuilds([]byte("PASS\n")); err == nil {
		t.Error("no figures are no error")
	}
}

func TestScaleTargetsAreForTenThousandPools(t *testing.T) {
	small, large := scaleShape{Pools: 10}, scaleShape{Pools: 10000}
	for name, c := range map[string]struct {
		points []scalePoint
		want   []string
	}{
		"none":      {nil, []string{"not measured", "not measured"}},
		"small":     {[]scalePoint{{scaleShape: small, Reload: &scaleReload{Took: []float64{9}}}}, []string{"not measured", "not measured"}},
		"reached":   {[]scalePoint{{scaleShape: large, Reload: &scaleReload{Took: []float64{0.5, 1.9}}}}, []string{"ok", "ok"}},
		"late once": {[]scalePoint{{scaleShape: large, Reload: &scaleReload{Took: []float64{2.1, 0.5, 0.5}}}}, []string{"MISSED", "ok"}},
		"a query lost": {[]scalePoint{{scaleShape: large, Reload: &scaleReload{Took: []float64{1}, Meanwhile: asking{Sent: 5, Lost: 1}}}},
			[]string{"ok", "MISSED"}},
		"as many lost without": {[]scalePoint{{scaleShape: large,
			Reload: &scaleReload{Took: []float64{1}, Meanwhile: asking{Sent: 20, Lost: 2}, Without: asking{Sent: 10, Lost: 1}}}},
			[]string{"ok", "ok"}},
	} {
		var got []string
		for _, target := range (&scaleData{Pools: c.points}).targets() {
			got = append(got, target.outcome())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
