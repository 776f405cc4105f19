package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"unicode/utf8"
)

// MaxLoad is the highest load that a member may report. The unit is the members' affair, as long as those of a pool use the same one.
const MaxLoad = 1e9

// reportBody is the rule of reports of load.
var reportBody = bodyRule{most: 4 << 10, forms: []string{mediaJSON}}

// putLoad takes a member's report of how busy it is.
func (s *service) putLoad(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	pool, err := poolOf(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if err := checkWord("member", id); err != nil {
		return err
	}
	body, _, err := reportBody.read(w, r)
	if err != nil {
		return err
	}
	load, err := parseLoad(body)
	if err != nil {
		return NewProblem(http.StatusBadRequest, "%v", err)
	}
	report, err := s.backend.ReportLoad(pool, id, load, caller(r))
	if err != nil {
		return err
	}
	return respond(w, report)
}

// wantReport ends the errors of bodies that are no report at all.
const wantReport = `want {"load": NUMBER}, the number from 0 to 1000000000`

// parseLoad reads a report: an object with the one field load. As in a list of blocks, whatever encoding/json would pass over in
// silence is an error.
func parseLoad(data []byte) (float64, error) {
	var whole json.RawMessage
	switch err := json.Unmarshal(data, &whole); {
	case len(bytes.TrimSpace(data)) == 0:
		return 0, errors.New("the body is empty: " + wantReport)
	case !utf8.Valid(data):
		return 0, errors.New("the JSON is not UTF-8")
	case err != nil: // NaN and Infinity, which JSON has not, come here too
		return 0, fmt.Errorf("bad JSON: %w: %s", err, wantReport)
	}

	// From here on the tokens can only come as JSON has them.
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return 0, fmt.Errorf("the JSON is %s: %s", kind(token), wantReport)
	}
	load, found := 0.0, false
	for dec.More() {
		name, err := dec.Token()
		switch {
		case err != nil:
			return 0, fmt.Errorf("bad JSON: %w: %s", err, wantReport)
		case name != "load":
			return 0, fmt.Errorf("unknown field %q: want load", name)
		case found:
			return 0, errors.New("load is said twice: want it once")
		}
		value, err := dec.Token()
		if err != nil {
			return 0, fmt.Errorf("bad JSON: %w: %s", err, wantReport)
		}
		if load, err = loadOf(value); err != nil {
			return 0, err
		}
		found = true
	}
	if !found {
		return 0, errors.New("load is missing: " + wantReport)
	}
	return load, nil
}

// loadOf reads the value of load.
func loadOf(value json.Token) (float64, error) {
	const want = "want a number from 0 to 1000000000"
	number, ok := value.(json.Number)
	if !ok {
		return 0, fmt.Errorf("load is %s: %s", kind(value), want)
	}
	text := number.String()
	load, err := strconv.ParseFloat(text, 64)
	if err != nil || load < 0 || load > MaxLoad { // an error is a number out of float64's range
		if len(text) > 40 {
			text = text[:40] + "..."
		}
		return 0, fmt.Errorf("load %s is out of range: %s", text, want)
	}
	return math.Abs(load), nil // -0 becomes 0
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
