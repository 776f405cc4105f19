package main

import (
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	a := newConsole(t, nil).app
	for _, c := range []struct{ got, want string }{
		{length(-time.Second), "0s"},
		{length(59999 * time.Millisecond), "59s"},
		{length(192 * time.Second), "3m12s"},
		{length(5*time.Hour + 3*time.Minute + 9*time.Second), "5h3m"},
		{length(76 * time.Hour), "3d4h"},
		{a.age(time.Time{}), ""},
		{a.ahead(noon.Add(100*time.Millisecond), "now"), "12:00:06 (1s)"}, // never too early
		{a.ahead(noon, "now"), "now"},
		{a.ahead(noon.Add(24*time.Hour), "now"), "2026-11-22 12:00:05 (1d0h)"},
		{a.soon(noon.Add(1234 * time.Millisecond)), "in 1.2s"},
		{a.soon(noon.Add(2 * time.Minute)), "in 2m0s"},
		{a.soon(noon.Add(-time.Second)), "now"},
		{percent(0), "0%"},
		{percent(0.0012), "0.1%"},
		{percent(0.094), "9.4%"},
		{percent(1.0 / 3), "33%"},
		{short("www."), "www"},
		{short("."), "."},
		{plural(1, "member"), "1 member"},
		{plural(0, "member"), "0 members"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
