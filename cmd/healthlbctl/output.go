package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"sigs.k8s.io/yaml"
)

// outputs are the forms that results come in.
var outputs = []string{"table", "json", "yaml"}

// show writes a result: for programs exactly what the endpoint said, for people as they does it.
func (a *app) show(c *settings, value any, forPeople func() error) error {
	switch c.output {
	case "json":
		return a.showJSON(value, "  ")
	case "yaml":
		return a.showYAML(value)
	}
	return forPeople()
}

func (a *app) showJSON(value any, indent string) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(value); err != nil {
		return err
	}
	_, err := a.out.Write(escaped(text.Bytes()))
	return err
}

// escaped is JSON in which nothing can steer a terminal: what is not graphic stands in strings only, and there as an escape.
func escaped(text []byte) []byte {
	safe := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case r == '\n' || unicode.IsGraphic(r):
			safe = utf8.AppendRune(safe, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, "\\u%04x\\u%04x", high, low)
		default:
			safe = fmt.Appendf(safe, "\\u%04x", r)
		}
	}
	return safe
}

func (a *app) showYAML(value any) error {
	text, err := yaml.Marshal(value)
	if err != nil {
		return err
	}
	return a.line("%s", strings.TrimSuffix(string(text), "\n"))
}

// plain is a table as kubectl and ps write them: nothing but two spaces between columns.
var plain = table.Style{
	Name:    "plain",
	Box:     table.BoxStyle{PaddingRight: "  "},
	Format:  table.FormatOptionsDefault,
	Options: table.OptionsNoBordersAndSeparators,
}

// table writes a table. Cells are printable, and may be coloured.
func (a *app) table(head []string, rows [][]string) error {
	w := table.NewWriter()
	w.SetStyle(plain)
	w.SuppressTrailingSpaces()
	w.AppendHeader(cells(head))
	for _, row := range rows {
		w.AppendRow(cells(row))
	}
	return a.line("%s", w.Render())
}

func cells(row []string) table.Row {
	r := make(table.Row, len(row))
	for i, cell := range row {
		r[i] = cell
	}
	return r
}

// longestCell is how much of a long text a table on a terminal shows; all of it is elsewhere.
const longestCell = 60

// text is a cell with a text of the endpoint.
func (a *app) text(s string) string {
	s = printable(s)
	if runes := []rune(s); a.outIsTerminal && len(runes) > longestCell {
		return string(runes[:longestCell-1]) + "…"
	}
	return s
}
