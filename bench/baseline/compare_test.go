package main

import (
	"reflect"
	"testing"
)

func TestParseRows(t *testing.T) {
	rows, err := parseRows([]byte(`calibration: 1
pkg: example.org/healthlb/plugin/healthlb/event
,baseline,,now,,,
,cal/op,CI,cal/op,CI,vs base,P
Tell/subscribers=0,65.865,1%,59.34,2%,-9.91%,p=0.002 n=6
Tell/subscribers=1,118.75,1%,97.175,2%,~,p=0.057 n=6
Tell/subscribers=9,,,97.175,2%
geomean,213.6861082595296,,192.54884239690728,,-9.89%,

pkg: example.org/healthlb/plugin/healthlb/isolation
,now,
,cal/op,CI
Cut,138.25,3%
geomean,138.25,

,baseline,
,B/op,CI
Next,437328,3%
`))
	const event, isolation = "example.org/healthlb/plugin/healthlb/event", "example.org/healthlb/plugin/healthlb/isolation"
	want := []row{
		{event, "cal/op", "Tell/subscribers=0", "65.865", "59.34", "-9.91%"},
		{event, "cal/op", "Tell/subscribers=1", "118.75", "97.175", "~"},
		{event, "cal/op", "Tell/subscribers=9", "", "97.175", ""},
		{event, "cal/op", mean, "213.6861082595296", "192.54884239690728", "-9.89%"},
		{isolation, "cal/op", "Cut", "", "138.25", ""},
		{isolation, "cal/op", mean, "", "138.25", ""},
		{isolation, "B/op", "Next", "437328", "", ""},
	}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("got %+v, %v\nwant %+v", rows, err, want)
	}
}

func TestNegligible(t *testing.T) {
	for r, want := range map[row]bool{
		{unit: "cal/op", before: "100", now: "100.9"}: true,
		{unit: "cal/op", before: "100", now: "101.5"}: false,
		{unit: "cal/op", before: "5", now: "4"}:       false,
		{unit: "B/op", before: "1", now: "3"}:         true,
		{unit: "B/op", before: "0", now: "8"}:         false,
		{unit: "allocs/op", before: "0", now: "1"}:    false,
		{unit: "cal/op", now: "1"}:                    false, // there was none before
	} {
		if got := r.negligible(); got != want {
			t.Errorf("%+v: got %v, want %v", r, got, want)
		}
	}
}
