package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	day       = 24 * time.Hour
	aDuration = "a duration, for example 5s"
)

// durationIn returns a parser of durations from lo to hi.
func durationIn(lo, hi time.Duration) func(string) (time.Duration, error) {
	return func(s string) (time.Duration, error) {
		d, err := parseDuration(s)
		if err == nil && (d < lo || d > hi) {
			err = fault{"is out of range", "allowed: " + showDuration(lo) + " to " + showDuration(hi)}
		}
		return d, err
	}
}

// seconds returns a parser of durations of whole seconds from 1s to hi, since DNS counts in seconds.
func seconds(hi time.Duration) func(string) (uint32, error) {
	parse := durationIn(time.Second, hi)
	return func(s string) (uint32, error) {
		d, err := parse(s)
		if err == nil && d%time.Second != 0 {
			err = fault{"is no whole number of seconds", "write " + showDuration(d.Round(time.Second))}
		}
		return uint32(d / time.Second), err
	}
}

// parseDuration parses what Go's time.ParseDuration does, and days before it: 1d, 1d12h.
func parseDuration(s string) (time.Duration, error) {
	if s != "" && strings.Trim(s, "0123456789.") == "" {
		return 0, fault{"is a duration without a unit", "write " + s + "s for seconds (units: ms, s, m, h, d)"}
	}
	wrong := fault{"is no duration", "write a number and its unit, for example 500ms, 5s, 2m, 1h or 1d"}
	rest, whole := s, time.Duration(0)
	if days, behind, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16) // 16 bits of days fit into a Duration
		if err != nil || strings.HasPrefix(behind, "-") {
			return 0, wrong
		}
		rest, whole = behind, time.Duration(n)*day
		if rest == "" {
			return whole, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, wrong
	}
	if d > math.MaxInt64-whole {
		return math.MaxInt64, nil // above every range
	}
	return whole + d, nil
}

// showDuration writes a duration as one would write it in a Corefile: 1d, 1h or 1m30s.
func showDuration(d time.Duration) string {
	if d >= day {
		days := strconv.Itoa(int(d/day)) + "d"
		if d %= day; d == 0 {
			return days
		}
		return days + showDuration(d)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// numberIn returns a parser of whole numbers from lo to hi.
func numberIn(lo, hi int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil || int(n) < lo || int(n) > hi {
			return 0, fault{"is no number in range", fmt.Sprintf("allowed: %d to %d", lo, hi)}
		}
		return int(n), nil
	}
}

// decimalIn returns a parser of numbers from lo to hi that are written with digits and at most one dot between them: no sign, no
// exponent, and no word for what is no number.
func decimalIn(lo, hi float64) func(string) (float64, error) {
	return func(s string) (float64, error) {
		whole, fraction, dot := strings.Cut(s, ".")
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || !isDigits(whole) || dot && !isDigits(fraction) || n < lo || n > hi {
			return 0, fault{"is no decimal number in range", fmt.Sprintf("allowed: %g to %g, for example 1.25", lo, hi)}
		}
		return n, nil
	}
}

// isDigits says whether s has nothing but digits, at least one.
func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fault{"is no port", "write a number from 1 to 65535"}
	}
	return uint16(n), nil
}

// unescape returns the bytes that a word of send or expect stands for.
func unescape(s string) (string, error) {
	const most = 64 << 10 // as far as expect looks, and as much as fits a quoted word in earnest
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		i++
		b, used, ok := escape(s[i:])
		if !ok {
			return "", fault{"has an unknown escape", `known: \r \n \t \\ \" and \xHH with two hexadecimal digits`}
		}
		out = append(out, b)
		i += used - 1
	}
	if len(out) == 0 || len(out) > most {
		return "", fault{fmt.Sprintf("stands for %d bytes", len(out)), fmt.Sprintf("allowed: 1 to %d", most)}
	}
	return string(out), nil
}

// escape returns the byte that the letters behind a backslash stand for, and how many they are.
func escape(s string) (b byte, used int, ok bool) {
	if s == "" {
		return 0, 0, false
	}
	switch s[0] {
	case 'r':
		return '\r', 1, true
	case 'n':
		return '\n', 1, true
	case 't':
		return '\t', 1, true
	case '\\', '"':
		return s[0], 1, true
	case 'x':
		if len(s) < 3 {
			return 0, 0, false
		}
		n, err := strconv.ParseUint(s[1:3], 16, 8)
		return byte(n), 3, err == nil
	default:
		return 0, 0, false
	}
}
