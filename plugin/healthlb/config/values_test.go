package config

import (
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"1d":      day,
		"1d12h":   36 * time.Hour,
		"24855d":  24855 * day,
		"1h30m":   90 * time.Minute,
		"0.5s":    500 * time.Millisecond,
		"1d500ms": day + 500*time.Millisecond,
	} {
		if got, err := parseDuration(s); err != nil || got != want {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
	for s, why := range map[string]string{
		"":          "is no duration",
		"s":         "is no duration",
		"5 s":       "is no duration",
		"d":         "is no duration",
		"1.5d":      "is no duration",
		"1h1d":      "is no duration",
		"1d-1h":     "is no duration",
		"-1d":       "is no duration",
		"1e3s":      "is no duration",
		"infs":      "is no duration",
		"inf":       "is no duration",
		"65536d":    "is no duration",
		"0":         "is a duration without a unit",
		"1.5":       "is a duration without a unit",
		"9999999h":  "is no duration", // more than a Duration holds
		"10000000s": "",
	} {
		if _, err := parseDuration(s); (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %v, want %s", s, err, why)
		}
	}
	if d, err := durationIn(0, time.Hour)("65535d2000000h"); err == nil {
		t.Errorf("a sum above what a Duration holds became %v", d)
	}
}

func TestShowDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		day:                          "1d",
		25 * time.Hour:               "1d1h",
		time.Hour:                    "1h",
		90 * time.Second:             "1m30s",
		10 * time.Minute:             "10m",
		100 * time.Millisecond:       "100ms",
		time.Hour + 10*time.Second:   "1h0m10s",
		10*time.Hour + 5*time.Minute: "10h5m",
	} {
		got := showDuration(d)
		if back, err := parseDuration(got); got != want || err != nil || back != d {
			t.Errorf("got %s, want %s; which reads back as %v, %v", got, want, back, err)
		}
	}
}

func TestUnescapeLength(t *testing.T) {
	if s, err := unescape(strings.Repeat(`\x41`, 64<<10)); err != nil || len(s) != 64<<10 {
		t.Errorf("got %d bytes, %v", len(s), err)
	}
	if _, err := unescape(strings.Repeat("a", 64<<10+1)); err == nil {
		t.Error("more than expect looks at was accepted")
	}
}

func TestNearest(t *testing.T) {
	names := []string{"confirm", "interval", "rise", "ttl"}
	for word, want := range map[string]string{
		"intervall": "interval", "Interval": "interval", "raise": "rise", "tll": "ttl", "comfirm": "confirm",
		"": "", "zzz": "", "weight": "", strings.Repeat("interval", 1000): "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("%.20q: got %q, want %q", word, got, want)
		}
	}
}
