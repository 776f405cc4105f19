package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// spread is what a figure was in several rounds.
type spread struct{ median, least, most float64 }

func (s spread) String() string {
	if s.least == s.most {
		return fmt.Sprintf("%.2f", s.median)
	}
	return fmt.Sprintf("%.2f (%.2f..%.2f)", s.median, s.least, s.most)
}

// spreadOf returns the spread of a figure's values, of which there must be one.
func spreadOf(values []float64) spread {
	return spread{medianOf(values), slices.Min(values), slices.Max(values)}
}

// medianOf is the value in the middle, or halfway between both that are. There must be one.
func medianOf(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// ratios divides the values of each round. Rounds that only one of both has are left out, and those in which there is 0 to divide by.
func ratios(values, by []float64) []float64 {
	var list []float64
	for i := range min(len(values), len(by)) {
		if by[i] != 0 {
			list = append(list, values[i]/by[i])
		}
	}
	return list
}

// thousands writes a number with commas.
func thousands(value float64) string {
	digits := fmt.Sprintf("%.0f", value)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// printTable writes a table as Markdown, unless it is empty. The first column is text, the others are figures.
func printTable(title string, header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	t := table.NewWriter()
	t.AppendHeader(tableRow(header))
	for _, row := range rows {
		t.AppendRow(tableRow(row))
	}
	t.Style().Format.Header = text.FormatDefault
	t.Style().Markdown.PadContent = true
	var columns []table.ColumnConfig
	for i := range header[1:] {
		columns = append(columns, table.ColumnConfig{Number: i + 2, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	fmt.Printf("\n%s\n\n%s\n", strings.TrimSpace(title), t.RenderMarkdown())
}

func tableRow(cells []string) (row table.Row) {
	for _, cell := range cells {
		row = append(row, cell)
	}
	return row
}
