package block

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// draft is an entry as it was written, before it is checked. A field that was not written is nil.
type draft struct {
	address, pool, length, until, reason, owner, mode *string
}

// field returns the place of a field by its name in the JSON form, and nil when there is none of that name. The text form has the same
// names.
func (d *draft) field(name string) **string {
	switch name {
	case "address":
		return &d.address
	case "pool":
		return &d.pool
	case "for":
		return &d.length
	case "until":
		return &d.until
	case "reason":
		return &d.reason
	case "owner":
		return &d.owner
	case "mode":
		return &d.mode
	}
	return nil
}

// set fills a field, once.
func (d *draft) set(name, value string) error {
	field := d.field(name)
	if field == nil {
		return fmt.Errorf("unknown field %q: want address, pool, for or until, reason, owner or mode", name)
	}
	if *field != nil {
		return fmt.Errorf("%s is said twice", name)
	}
	*field = &value
	return nil
}

// entry checks all but the expiry.
func (d *draft) entry() (e Entry, err error) {
	if d.address == nil {
		return Entry{}, errors.New("the address is missing: want an IP address or a network in CIDR notation")
	}
	if e.Prefix, err = ParsePrefix(*d.address); err != nil {
		return Entry{}, err
	}
	if d.pool != nil {
		if e.Pool, err = ParsePool(*d.pool); err != nil {
			return Entry{}, err
		}
	}
	e.Mode = Omit
	if d.mode != nil {
		if e.Mode, err = parseMode(*d.mode); err != nil {
			return Entry{}, err
		}
	}
	if d.reason != nil {
		e.Reason = *d.reason
	}
	if d.owner != nil {
		e.Owner = *d.owner
	}
	return e, cmp.Or(checkReason(e.Reason), checkOwner(e.Owner))
}

// order is entry for what an operator orders now: its expiry lies ahead, and may be said as a length of time.
func (d *draft) order(now time.Time) (Entry, error) {
	e, err := d.entry()
	if err != nil {
		return Entry{}, err
	}
	switch {
	case d.length != nil && d.until != nil:
		return Entry{}, errors.New("both for and until are said: want one of them")
	case d.length != nil:
		length, err := parseFor(*d.length)
		if err != nil {
			return Entry{}, err
		}
		e.Until = wholeSecond(now.Add(length))
	case d.until != nil:
		if e.Until, err = parseUntil(*d.until); err != nil {
			return Entry{}, err
		}
		if e.Expired(now) {
			return Entry{}, fmt.Errorf("until %s is past (it is %s now): want a time to come, or leave the entry out",
				*d.until, now.UTC().Format(time.RFC3339))
		}
		if e.Until.After(wholeSecond(now.Add(MaxFor))) {
			return Entry{}, fmt.Errorf("until %s is too far: want at most 10 years, or no until for a permanent entry", *d.until)
		}
	}
	return e, nil
}

// kept is entry for what was an order once: the expiry is a time, and may have passed.
func (d *draft) kept() (Entry, error) {
	e, err := d.entry()
	if err != nil {
		return Entry{}, err
	}
	if d.length != nil {
		return Entry{}, errors.New("for has no meaning here, as nobody knows since when: want until")
	}
	if d.until != nil {
		e.Until, err = parseUntil(*d.until)
	}
	return e, err
}

func parseFor(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("for %q is no duration: want a number with a unit such as 90s, 30m or 72h (there is none for days)", s)
	}
	if d <= 0 || d > MaxFor {
		return 0, fmt.Errorf("for %s is out of range: want more than 0 and at most %dh (10 years)", s, int(MaxFor.Hours()))
	}
	return d, nil
}

func parseUntil(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("until %q is no time: want RFC 3339, such as 2030-01-31T12:00:00Z", s)
	}
	t = wholeSecond(t)
	if year := t.Year(); year < 1970 || year > 9999 { // the zero Time means permanent; RFC 3339 has years of four digits
		return time.Time{}, fmt.Errorf("until %s is out of range: want a year from 1970 to 9999", s)
	}
	return t, nil
}

// wholeSecond rounds up to a whole second in UTC: an order never ends early.
func wholeSecond(t time.Time) time.Time {
	t = t.UTC().Round(0)
	if whole := t.Truncate(time.Second); !whole.Equal(t) {
		return whole.Add(time.Second)
	}
	return t
}

// checkTwice finds the entries of one key in one input. where names the place of the entry with that index.
func checkTwice(entries []Entry, where func(int) string) error {
	first := make(map[string]int, len(entries))
	for i, e := range entries {
		key := e.Key()
		if j, found := first[key]; found {
			return fmt.Errorf("%s: the same address, pool and owner as in %s: want each once", where(i), where(j))
		}
		first[key] = i
	}
	return nil
}
