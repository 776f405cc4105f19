package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var two = []Plot{{
	Title: "Memory", X: "pools", Y: "MB", LogX: true, LogY: true,
	Lines: []Line{{"one & only", []Point{{1, 0.1}, {10, 3}, {10000, 12345}}}, {"another", []Point{{10, 7}}}},
}, {
	Title: "Time", X: "members", Y: "s",
	Lines: []Line{{"flat", []Point{{1, 0}, {2, 0}}}},
}}

// What is drawn is XML with all that was named, and the same each time.
func TestSaveWritesTheSameXMLEachTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "two.svg")
	var svg []byte
	for range 2 {
		was := svg
		if err := Save(file, two...); err != nil {
			t.Fatal(err)
		}
		var err error
		if svg, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		if was != nil && !bytes.Equal(was, svg) {
			t.Error("drawn again, it is another picture")
		}
	}
	d := xml.NewDecoder(bytes.NewReader(svg))
	var text strings.Builder
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if chars, ok := token.(xml.CharData); ok {
			text.Write(chars)
		}
	}
	for _, want := range []string{"Memory", "pools", "MB", "one & only", "another", "0.1", "10,000", "100,000", "Time", "members", "flat"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in the picture", want)
		}
	}
}

func TestSVGRefusesWhatItCannotDraw(t *testing.T) {
	if _, err := SVG(Plot{Title: "T"}); err == nil || !strings.Contains(err.Error(), `plot "T": no lines`) {
		t.Error(err)
	}
	_, err := SVG(Plot{Title: "T", LogX: true, Lines: []Line{{"l", []Point{{0, 1}}}}})
	if err == nil || !strings.Contains(err.Error(), "l: (0, 1) has no place") {
		t.Error(err)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.01: "0.01", 1: "1", 999: "999", 1000: "1,000", 1234567.5: "1,234,567.5", 1.2000000000000002: "1.2",
	} {
		if got := number(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}
