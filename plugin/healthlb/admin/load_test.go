package admin

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"

	"example.org/healthlb/api"
)

const isJSON = "Content-Type: application/json"

func TestReportLoad(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	for _, test := range []struct {
		path, body, pool, id string
		load                 float64
	}{
		{"www.lb.example/members/a/load", `{"load": 0.7}`, "www.lb.example.", "a", 0.7},
		{"WWW.lb.Example./members/A_b.c:d-9/load", `{"load":0}`, "www.lb.example.", "A_b.c:d-9", 0},
		{"%2A.lb.example/members/192.0.2.1/load", "\n{ \"load\" : 1e9 }\r\n", "*.lb.example.", "192.0.2.1", 1e9},
		{"*.lb.example/members/2001:db8::1/load", `{"load":1000000000}`, "*.lb.example.", "2001:db8::1", 1e9},
		{"www./members/2001%3Adb8%3A%3a1/load", `{"load":5E-324}`, "www.", "2001:db8::1", 5e-324},
		{"www./members/::1/load", `{"load":-0}`, "www.", "::1", 0},
		{"www./members/%61/load", `{"\u006coad":3}`, "www.", "a", 3},
		{"www./members/%2E%2E/load", `{"load":1e-999}`, "www.", "..", 0},
		{"www./members/" + strings.Repeat("x", 63) + "/load", `{"load":1}`, "www.", strings.Repeat("x", 63), 1},
	} {
		t.Run(test.path, func(t *testing.T) {
			f.reports = nil
			r := c.do(t, "PUT", "/v1/pools/"+test.path, test.body, isJSON)
			r.want(t, 200)
			want := api.LoadReport{Pool: test.pool, Member: test.id, Load: test.load, Until: fakeUntil}
			var got api.LoadReport
			if err := json.Unmarshal([]byte(r.body), &got); err != nil || got != want || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%v: %s", err, r.body)
			}
			if len(f.reports) != 1 || f.reports[0] != want || math.Signbit(f.reports[0].Load) || !strings.HasPrefix(f.by, "127.0.0.1:") {
				t.Errorf("the backend got %v by %s", f.reports, f.by)
			}
		})
	}
	r := c.do(t, "PUT", "/v1/pools/www./members/a/load", `{"load":0.5}`, isJSON)
	if want := `{"pool":"www.","member":"a","load":0.5,"until":"2030-01-31T12:00:00Z"}` + "\n"; r.body != want {
		t.Errorf("got %s, want %s", r.body, want)
	}
}

func TestBadLoads(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	const number = "want a number from 0 to 1000000000"
	for _, test := range []struct{ name, body, want string }{
		{"nothing", "", `the body is empty: want {"load": NUMBER}`}, {"spaces", " \n", "the body is empty"},
		{"missing", `{}`, `load is missing: want {"load": NUMBER}, the number from 0 to 1000000000`},
		{"null", `{"load":null}`, "load is null: " + number},
		{"string", `{"load":"0.7"}`, "load is a string: " + number},
		{"true", `{"load":true}`, "load is true or false: " + number},
		{"array", `{"load":[0.7]}`, "load is an array: " + number}, {"object", `{"load":{"load":1}}`, "load is an object: " + number},
		{"negative", `{"load":-0.1}`, "load -0.1 is out of range: " + number},
		{"too much", `{"load":1000000000.1}`, "load 1000000000.1 is out of range: " + number},
		{"beyond float64", `{"load":1e999}`, "load 1e999 is out of range: " + number},
		{"beyond float64, negative", `{"load":-1e999}`, "load -1e999 is out of range: " + number},
		{"long", `{"load":` + strings.Repeat("9", 1000) + `}`, "load " + strings.Repeat("9", 40) + "... is out of range"},
		{"NaN", `{"load":NaN}`, "bad JSON: invalid character 'N'"}, {"Infinity", `{"load":Infinity}`, "bad JSON: invalid character 'I'"},
		{"-Infinity", `{"load":-Infinity}`, "bad JSON"}, {"NaN as a string", `{"load":"NaN"}`, "load is a string: " + number},
		{"hexadecimal", `{"load":0x1p-2}`, "bad JSON"}, {"plus", `{"load":+1}`, "bad JSON"}, {"a dot at the end", `{"load":1.}`, "bad JSON"},
		{"leading zero", `{"load":01}`, "bad JSON"}, {"underscore", `{"load":1_000}`, "bad JSON"}, {"comma", `{"load":0,7}`, "bad JSON"},
		{"unknown field", `{"load":1,"unit":"x"}`, `unknown field "unit": want load`},
		{"unknown field first", `{"unit":{"load":1},"load":1}`, `unknown field "unit": want load`},
		{"other case", `{"Load":1}`, `unknown field "Load": want load`}, {"no name", `{"":1}`, `unknown field "": want load`},
		{"twice", `{"load":1,"load":1}`, "load is said twice: want it once"},
		{"a number alone", `0.7`, `the JSON is a number: want {"load": NUMBER}`}, {"an array of one", `[{"load":1}]`, "the JSON is an array: want"},
		{"null alone", `null`, "the JSON is null: want"}, {"a string alone", `"load"`, "the JSON is a string: want"},
		{"something follows", `{"load":1} {"load":2}`, "bad JSON: invalid character '{' after top-level value"},
		{"cut off", `{"load":1`, "bad JSON: unexpected end of JSON input"}, {"comma at the end", `{"load":1,}`, "bad JSON"},
		{"a form", `load=1`, "bad JSON"}, {"no UTF-8", "{\"load\":1,\"\xff\":1}", "the JSON is not UTF-8"}, {"deep", strings.Repeat("[", 4000), "bad JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := c.do(t, "PUT", "/v1/pools/www./members/a/load", test.body, isJSON).problem(t, 400)
			if !strings.HasPrefix(p.Detail, test.want) {
				t.Errorf("%q, want %q", p.Detail, test.want)
			}
		})
	}
	if len(f.reports) > 0 {
		t.Errorf("the backend got %v", f.reports)
	}
}

func TestReportsOfNothing(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	const id = " is not allowed as a name: want 1 to 63 of A-Z a-z 0-9 . _ : -"
	for _, test := range []struct {
		path   string
		status int
		want   string
	}{
		{"www./members/a%20b/load", 400, `member "a b"` + id}, {"www./members/a%2Fb/load", 400, `member "a/b"` + id},
		{"www./members/%0A/load", 400, `member "\n"` + id}, {"www./members/a%0A/load", 400, `member "a\n"` + id},
		{"www./members/%c3%a9/load", 400, `member "é"` + id}, {"www./members/%ff/load", 400, `member "\xff"` + id},
		{"www./members/fe80::1%25eth0/load", 400, `member "fe80::1%eth0"` + id}, {"www./members/a+b/load", 400, `member "a+b"` + id},
		{"www./members/" + strings.Repeat("x", 64) + "/load", 400, `member "xxx`},
		{"a..b/members/a/load", 400, `pool "a..b" is no domain name`}, {"a%20b/members/a/load", 400, `pool "a b" is no domain name`},
		{"www./members/a/load?force=1", 400, `unknown query parameter "force": this call has none`},
		{"www./members//load", 404, "there is nothing at /v1/pools/www./members//load"}, {"/members/a/load", 404, "there is nothing at"},
		{"www./members/../load", 404, "there is nothing at"}, {"www./members/a/load/", 404, "there is nothing at"},
		{"www./members/a/b/load", 404, "there is nothing at"}, {"www./members", 404, "there is nothing at"},
		{"www./members/a/Load", 404, "there is nothing at"}, {"www./members/a/loads", 404, "there is nothing at"},
	} {
		t.Run(test.path, func(t *testing.T) {
			p := c.do(t, "PUT", "/v1/pools/"+test.path, `{"load":1}`, isJSON).problem(t, test.status)
			if !strings.HasPrefix(p.Detail, test.want) {
				t.Errorf("%q, want %q", p.Detail, test.want)
			}
		})
	}
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "PATCH", "OPTIONS"} {
		r := c.do(t, method, "/v1/pools/www./members/a/load", "")
		if r.want(t, 405); r.Header.Get("Allow") != "PUT" {
			t.Errorf("%s: Allow %q", method, r.Header.Get("Allow"))
		}
	}
	if len(f.reports) > 0 {
		t.Errorf("the backend got %v", f.reports)
	}
}

func TestBodiesOfReports(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	report := `{"load":1}`
	most := report + strings.Repeat(" ", int(reportBody.most)-len(report))
	for _, test := range []struct {
		name, header, body string
		status             int
		want               string
	}{
		{"charset", `Content-Type: Application/JSON;charset="utf-8"`, report, 200, ""}, {"the largest", isJSON, most, 200, ""},
		{"too large", isJSON, most + " ", 413, "the body is too large: want at most 4096 bytes"},
		{"much too large", isJSON, strings.Repeat(" ", 1<<20), 413, "the body is too large: want at most 4096 bytes"},
		{"no type", "X: y", report, 415, "Content-Type is missing: want application/json"},
		{"text", "Content-Type: text/plain", report, 415, `Content-Type "text/plain" is not understood: want application/json`},
		{"what curl -d says", "Content-Type: application/x-www-form-urlencoded", report, 415, "Content-Type \"application/x-www"},
		{"a kind of JSON", "Content-Type: application/merge-patch+json", report, 415, "Content-Type \"application/merge"},
		{"garbage", "Content-Type: ;", report, 415, `Content-Type ";" is not understood`},
		{"another charset", isJSON + "; charset=utf-16", report, 415, `charset "utf-16" is not understood: want application/json in UTF-8`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.reports = nil
			r := c.do(t, "PUT", "/v1/pools/www./members/a/load", test.body, test.header)
			r.want(t, test.status)
			if got := len(f.reports) == 1; got != (test.status == 200) {
				t.Errorf("the backend got %v", f.reports)
			}
			if test.status != 200 && !strings.HasPrefix(r.problem(t, test.status).Detail, test.want) {
				t.Errorf("%s, want %q", r.body, test.want)
			}
		})
	}
	f.reports = nil
	c.do(t, "PUT", "/v1/pools/www./members/a/load", report, isJSON, "Content-Encoding: gzip").want(t, 415)
	if len(f.reports) > 0 {
		t.Errorf("the backend got %v", f.reports)
	}
}

func TestReportsThatTheBackendRefuses(t *testing.T) {
	var w warnings
	f := new(fake)
	c := clientOf(t, serve(t, Settings{Warn: w.add}, f))
	for _, test := range []struct {
		err    error
		status int
		want   string
		warned bool
	}{
		{NewProblem(http.StatusNotFound, "there is no pool %s", "www."), 404, "there is no pool www.", false},
		{NewProblem(http.StatusConflict, "100%% no"), 409, "100% no", false},
		{errors.New("secret"), 500, "this could not be done, for a reason that is in healthlb's log", true},
	} {
		f.fail = test.err
		p := c.do(t, "PUT", "/v1/pools/www./members/a/load", `{"load":1}`, isJSON).problem(t, test.status)
		if warned := len(w.take()) > 0; p.Detail != test.want || warned != test.warned {
			t.Errorf("%v: %+v, warned: %v", test.err, p, warned)
		}
	}
}

func FuzzReport(f *testing.F) {
	for _, seed := range []string{
		`{"load":0.7}`, `{"load":-0}`, `{"load":1e999}`, `{"load":NaN}`, `{"load":null}`, `{"load":"1"}`, `{}`, `[]`, `1`, ``, `{"load":1,"load":1}`,
		`{"load":1}{`, `{"\u006coad":1}`, `{"load":[{`, "{\"\xff\":1}", `{"\ud800":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		load, err := parseLoad(data)
		if err != nil {
			if load != 0 || err.Error() == "" {
				t.Fatalf("%v with %v", load, err)
			}
			return
		}
		if !(load >= 0 && load <= MaxLoad) || math.Signbit(load) {
			t.Fatalf("%q is taken as %v", data, load)
		}
		var fields map[string]float64
		if err := json.Unmarshal(data, &fields); err != nil || len(fields) != 1 || fields["load"] != load {
			t.Fatalf("%q is %v for encoding/json (%v), and %v here", data, fields, err, load)
		}
	})
}
