package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// readObject reads a body that is one JSON object, and returns its fields, by name, as they are written. What is mistyped must never
// execute: so whatever encoding/json would pass over in silence is an error here, names in another case, unknown and repeated ones,
// bytes that are not UTF-8, and whatever follows the object. What want says ends the errors of bodies that are no such object at all.
//
// Only the object's own names are looked at. No body has objects inside.
func readObject(data []byte, want string, known []string) (map[string]json.RawMessage, error) {
	var whole json.RawMessage
	switch err := json.Unmarshal(data, &whole); {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("the body is empty: " + want)
	case !utf8.Valid(data):
		return nil, errors.New("the JSON is not UTF-8")
	case err != nil: // NaN and Infinity, which JSON has not, come here too
		return nil, fmt.Errorf("bad JSON: %w: %s", err, want)
	}

	// From here on the tokens can only come as JSON has them.
	dec := json.NewDecoder(bytes.NewReader(data))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil, fmt.Errorf("the JSON is %s: %s", kind(token), want)
	}
	fields := make(map[string]json.RawMessage)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("bad JSON: %w: %s", err, want)
		}
		name, _ := token.(string)
		if !slices.Contains(known, name) {
			return nil, unknownField(name, known)
		}
		if _, found := fields[name]; found {
			return nil, fmt.Errorf("%s is said twice: want it once", name)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("bad JSON: %w: %s", err, want)
		}
		fields[name] = value
	}
	return fields, nil
}

// unknownField says which fields there are, and which of them was meant if that is plain.
func unknownField(name string, known []string) error {
	for _, k := range known {
		if strings.EqualFold(name, k) {
			return fmt.Errorf("unknown field %q: want %s", name, k)
		}
	}
	return fmt.Errorf("unknown field %q: want %s", name, strings.Join(known, ", "))
}

// checkObject refuses what readObject does, and fields that are null: encoding/json would take them for missing ones.
func checkObject(data []byte, known []string) error {
	fields, err := readObject(data, "want an object with "+strings.Join(known, ", "), known)
	if err != nil {
		return err
	}
	for _, name := range known {
		if string(fields[name]) == "null" {
			return fmt.Errorf("%s is null: want a value, or leave the field out", name)
		}
	}
	return nil
}

// unmarshal reads a body that checkObject has let pass, for huma: once as it is to be validated, once into its type.
func unmarshal(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) { // only what is right by its schema, but is too large a number, or written like 1e2
		return fmt.Errorf("%s is %s: want a whole number in plain digits, or a smaller one", wrong.Field, wrong.Value)
	}
	return err
}

// fieldNames are the names of the fields of a struct in JSON, those of embedded structs among them.
func fieldNames(t reflect.Type) []string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var list []string
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !f.Anonymous && f.IsExported() && name != "-" {
			list = append(list, name)
		}
	}
	return list
}

// kind names the kind of a JSON value by its first token.
func kind(token json.Token) string {
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return "an object"
		}
		return "an array"
	case string:
		return "a string"
	case bool:
		return "true or false"
	case nil:
		return "null"
	}
	return "a number"
}
