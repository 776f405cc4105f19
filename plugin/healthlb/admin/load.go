package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"example.org/healthlb/api"
)

// MaxLoad is the highest load that a member may report. The unit is the members' affair, as long as those of a pool use the same one.
const MaxLoad = 1e9

// reportBody is the rule of reports of load.
var reportBody = bodyRule{most: 4 << 10, forms: []string{mediaJSON}}

// loadBody is a report for the OpenAPI document.
type loadBody struct {
	Load float64 `json:"load" minimum:"0" maximum:"1000000000" doc:"in a unit that all members of the pool use"`
}

func (s *service) loadCalls() {
	ask(s, call{
		method: http.MethodPut, path: "/v1/pools/{pool}/members/{id}/load", id: "reportLoad", register: true,
		summary: "Report how busy a member is",
		text:    "Counts in pools with `policy least report DURATION`, for that long.",
		body:    &reportBody, accepts: content(mediaJSON, schemaOf[loadBody](s)),
		fails: []int{http.StatusNotFound, http.StatusConflict},
	}, (*service).putLoad)
}

// putLoad takes a member's report of how busy it is.
func (s *service) putLoad(r *request) (api.LoadReport, error) {
	load, err := parseLoad(r.body)
	if err != nil {
		return api.LoadReport{}, NewProblem(http.StatusBadRequest, "%v", err)
	}
	return s.backend.ReportLoad(r.pool, r.id, load, r.by)
}

// wantReport ends the errors of bodies that are no report at all.
const wantReport = `want {"load": NUMBER}, the number from 0 to 1000000000`

// parseLoad reads a report: an object with the one field load.
func parseLoad(data []byte) (float64, error) {
	fields, err := readObject(data, wantReport, []string{"load"})
	if err != nil {
		return 0, err
	}
	value, found := fields["load"]
	if !found {
		return 0, errors.New("load is missing: " + wantReport)
	}
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	token, err := dec.Token()
	if err != nil {
		return 0, fmt.Errorf("bad JSON: %w: %s", err, wantReport)
	}
	return loadOf(token)
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
