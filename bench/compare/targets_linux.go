package main

import (
	"fmt"
	"slices"
)

// target is a figure that healthlb shall reach.
type target struct {
	What  string   `json:"what"`
	Asked float64  `json:"asked"`
	Least bool     `json:"at_least"`       // otherwise it is at most
	Seen  *float64 `json:"seen,omitempty"` // none: not measured
}

// atMost is a target for the median of the rounds.
func atMost(what string, asked float64, seen []float64) target {
	t := target{What: what, Asked: asked}
	if len(seen) > 0 {
		middle := medianOf(seen)
		t.Seen = &middle
	}
	return t
}

// atLeast is a target for the median of the rounds.
func atLeast(what string, asked float64, seen []float64) target {
	t := atMost(what, asked, seen)
	t.Least = true
	return t
}

func (t target) outcome() string {
	switch {
	case t.Seen == nil:
		return "not measured"
	case t.Least && *t.Seen < t.Asked, !t.Least && *t.Seen > t.Asked:
		return "MISSED"
	}
	return "ok"
}

// printTargets leaves all of them out with -short, in which a figure of half a second says nothing, and with -only those that were not
// measured.
func (o *options) printTargets(targets []target) {
	if o.short {
		return
	}
	if o.only != "" {
		targets = slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return t.Seen == nil })
	}
	printTargets(targets)
}

func printTargets(targets []target) {
	var rows [][]string
	for _, t := range targets {
		sign, seen := "<=", "-"
		if t.Least {
			sign = ">="
		}
		if t.Seen != nil {
			seen = fmt.Sprintf("%.3f", *t.Seen)
		}
		rows = append(rows, []string{t.What, fmt.Sprintf("%s %.2f", sign, t.Asked), seen, t.outcome()})
	}
	printTable("Asked of healthlb:", []string{"figure", "asked", "seen", ""}, rows)
}
