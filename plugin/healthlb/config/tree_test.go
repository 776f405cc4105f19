package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"
	"pgregory.net/rapid"
)

func TestWrongBlocks(t *testing.T) {
	testWrong(t, wrongBlocks, func(whole string) string { return whole })
}

// A word in quotes may go over lines; the words behind it are still on the same line.
func TestQuotedNewline(t *testing.T) {
	p := onlyPool(t, "check tcp send \"a\nb\" expect c\nrise 5")
	if got, want := checks(p).([]string)[0], `443 tcp send "a\nb" expect "c"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	testWrong(t, []wrong{
		{"check tcp send \"a\nb\" expekt c", `5: check tcp send "a\nb" expekt: is not known in check tcp; ` +
			"did you mean expect? allowed: expect, send"},
	}, inPool)
}

// TestTree writes trees as Corefiles, and reads them back.
func TestTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawLines(t, 0)
		text := render(want, "")
		d := caddyfile.NewDispenser("Corefile", strings.NewReader(text))
		got, err := readTree(&d)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if g, w := fmt.Sprint(shape(got)), fmt.Sprint(shape(want)); g != w {
			t.Fatalf("got  %s\nwant %s\nof\n%s", g, w, text)
		}
	})
}

func drawLines(t *rapid.T, depth int) []line {
	word := rapid.StringMatching("[a-z\n ]{1,6}|[a-z.:]{1,4}")
	lines := make([]line, rapid.IntRange(0, 4).Draw(t, "lines"))
	for i := range lines {
		lines[i].words = rapid.SliceOfN(word, 1, 4).Draw(t, "words")
		if depth < maxDepth && rapid.Bool().Draw(t, "opens a block") {
			lines[i].hasBlock, lines[i].block = true, drawLines(t, depth+1)
		}
	}
	return lines
}

func render(lines []line, indent string) string {
	var w strings.Builder
	for _, l := range lines {
		w.WriteString(indent)
		for _, word := range l.words {
			fmt.Fprintf(&w, "\"%s\" ", word)
		}
		if l.hasBlock {
			w.WriteString("{ # a comment\n" + render(l.block, indent+" ") + indent + "}")
		}
		w.WriteString("\n\n")
	}
	return w.String()
}

// shape leaves the places out.
func shape(lines []line) (s []any) {
	for _, l := range lines {
		s = append(s, fmt.Sprintf("%q", l.words), l.hasBlock, shape(l.block))
	}
	return s
}

func TestOneLineBlocks(t *testing.T) {
	b := mustParse(t, "healthlb { interval 2s\n"+
		"pool a.lb.example.org { member 192.0.2.1 }\npool b.lb.example.org { member 192.0.2.1 } }")
	if len(b.Pools) != 2 || b.Where != "Testfile:1" || b.Pools[1].Interval.Seconds() != 2 {
		t.Errorf("got %+v", b)
	}
}

var wrongBlocks = []wrong{
	{"", "there is no healthlb to read"},
	{"healthlb", "1: healthlb: has no block; add at least one: pool NAME { member ADDR }, on lines of its own"},
	{"healthlb {\n}", "1: healthlb: has no pool; add at least one: pool NAME { member ADDR }, on lines of its own"},
	{"healthlb a {\n}", "1: healthlb a: healthlb takes no arguments; its zones are those of the server block"},
	{"healthlb\n{\n}", "2: {: begins a line; put it at the end of the line whose block it opens"},
	{"healthlb {", "1: {: is never closed; add the line with }"},
	{"healthlb { } healthlb {\n }", "1: healthlb: stands behind a closing brace; begin a new line"},
	{"healthlb {\npool a.lb.example.org { \nmember 1.2.3.4 {\n}}}",
		`3: member 1.2.3.4 {: has no block; leave out the braces (in send and expect write \x7b and \x7d)`},
	{"healthlb {\n pool www.lb.example.org {\n  member 192.0.2.10\n\n}\n}\nhealthlb {\n pool www.lb.example.org {\n  " +
		"member 192.0.2.10\n\n}\n}\n",
		"7: healthlb: is the second in this server block, after Testfile:1; put all into one block"},
	{"healthlb {\n} x", "2: x: stands behind a closing brace; begin a new line"},
	{"healthlb { } { }", "1: {: opens a second block on one line; begin a new line"},
	{"healthlb {\npool a.lb.example.org {\n check tcp send { \n} } }",
		`3: check tcp send {: has no block; leave out the braces (in send and expect write \x7b and \x7d)`},
}
