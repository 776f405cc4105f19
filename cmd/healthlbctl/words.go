package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// short is a pool's name as people write it.
func short(pool string) string {
	pool = printable(pool)
	if len(pool) > 1 {
		return strings.TrimSuffix(pool, ".")
	}
	return pool
}

// printable is a text of the endpoint for a terminal: parts of it come from the servers that are probed, and might steer the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r):
			return '?'
		}
		return r
	}, s)
}

// oneLine is a text without line breaks and runs of spaces.
func oneLine(s string) string { return printable(strings.Join(strings.Fields(s), " ")) }

// length is how long something is, as exactly as people want it: two units.
func length(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	const day = 24 * time.Hour
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}

// age is how long ago something was.
func (a *app) age(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return length(a.now().Sub(t))
}

// clock is a time of today by the clock, and any other one with its date.
func (a *app) clock(t time.Time) string {
	t, now := t.In(a.zone), a.now().In(a.zone)
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// ahead is a time to come, and how far away it is; passed when it has passed. Seconds are rounded up: nothing is safe too early.
func (a *app) ahead(t time.Time, passed string) string {
	left := t.Sub(a.now())
	if left <= 0 {
		return passed
	}
	return fmt.Sprintf("%s (%s)", a.clock(up(t)), length(roundUp(left)))
}

// up is a time rounded up to the second.
func up(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); !whole.Equal(t) {
		return whole.Add(time.Second)
	}
	return t
}

// roundUp is a length of time rounded up to the second.
func roundUp(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// soon is a time within the next seconds.
func (a *app) soon(t time.Time) string {
	left := t.Sub(a.now())
	switch {
	case left <= 0:
		return "now"
	case left < time.Minute:
		return fmt.Sprintf("in %.1fs", left.Seconds())
	}
	return "in " + length(left)
}

// percent is a share.
func percent(share float64) string {
	if share > 0 && share < 0.095 {
		return fmt.Sprintf("%.1f%%", 100*share)
	}
	return fmt.Sprintf("%.0f%%", 100*share)
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
