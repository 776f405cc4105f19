package block

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// ParseJSON reads orders given now: an array of objects with the fields address (an address or a network), pool, for or until, reason,
// owner and mode, all strings, all but address optional. Whatever encoding/json would pass over in silence is an error here (unknown
// and repeated fields, trailing data), for what is mistyped must never execute.
func ParseJSON(data []byte, now time.Time) ([]Entry, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the JSON is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := expect(dec, '[', "an array of entries"); err != nil {
		return nil, err
	}
	var entries []Entry
	for dec.More() {
		d, err := decodeDraft(dec)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", index(len(entries)), err)
		}
		e, err := d.order(now)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", index(len(entries)), err)
		}
		entries = append(entries, e)
	}
	if err := expect(dec, ']', "the end of the array after "+strconv.Itoa(len(entries))+" entries"); err != nil {
		return nil, err
	}
	if err := expectEnd(dec); err != nil {
		return nil, err
	}
	return entries, checkTwice(entries, index)
}

// MarshalJSON gives the fields that ParseJSON reads, the expiry as until.
func (e Entry) MarshalJSON() ([]byte, error) {
	if !e.Prefix.IsValid() {
		return nil, errors.New("block: an entry without an address has no JSON form")
	}
	until := ""
	if !e.Until.IsZero() {
		until = e.Until.UTC().Format(time.RFC3339Nano)
	}
	return json.Marshal(struct {
		Address string `json:"address"`
		Pool    string `json:"pool,omitempty"`
		Until   string `json:"until,omitempty"`
		Reason  string `json:"reason,omitempty"`
		Owner   string `json:"owner,omitempty"`
		Mode    Mode   `json:"mode"`
	}{e.Address(), e.Pool, until, e.Reason, e.Owner, e.Mode})
}

// UnmarshalJSON reads what MarshalJSON wrote, at any later time: unlike in ParseJSON, until may have passed.
func (e *Entry) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	d, err := decodeDraft(dec)
	if err != nil {
		return err
	}
	if err := expectEnd(dec); err != nil {
		return err
	}
	*e, err = d.kept()
	return err
}

// decodeDraft reads one object, every value of which is a string.
func decodeDraft(dec *json.Decoder) (*draft, error) {
	if err := expect(dec, '{', "an object"); err != nil {
		return nil, err
	}
	d := new(draft)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("bad JSON: %w", err)
		}
		name, ok := token.(string)
		if !ok {
			return nil, fmt.Errorf("%v where a field's name belongs", token)
		}
		if token, err = dec.Token(); err != nil {
			return nil, fmt.Errorf("bad JSON: %w", err)
		}
		value, ok := token.(string)
		if !ok {
			return nil, fmt.Errorf("the value of %q is no string: want one in quotes, or leave the field out", name)
		}
		if err := d.set(name, value); err != nil {
			return nil, err
		}
	}
	return d, expect(dec, '}', "the end of the object")
}

// expect reads one delimiter.
func expect(dec *json.Decoder, want json.Delim, what string) error {
	token, err := dec.Token()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the JSON ends where %s belongs", what)
	}
	if err != nil {
		return fmt.Errorf("bad JSON: %w", err)
	}
	if token != want {
		return fmt.Errorf("want %s, not %s", what, describe(token))
	}
	return nil
}

// expectEnd sees to it that nothing follows.
func expectEnd(dec *json.Decoder) error {
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows the JSON at byte %d: want nothing", dec.InputOffset())
	}
	return nil
}

// describe names a JSON token, in a word when it may be long.
func describe(token json.Token) string {
	switch t := token.(type) {
	case json.Delim:
		return "a " + strconv.Quote(t.String())
	case string:
		return "a string"
	case nil:
		return "null"
	}
	return fmt.Sprint(token)
}

// index names an entry by its place in the array, as jq does: the first is [0].
func index(i int) string { return "entry [" + strconv.Itoa(i) + "]" }
