package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"example.org/healthlb/api"
)

// allCalls are all calls there are, each as it is right, with the roles that may make it.
var allCalls = []struct {
	method, path, body string
	roles              string // r: read, g: register, o: operate
	status             int
	made               string // the backend's method; empty: one that is tested elsewhere
}{
	{"GET", "/v1/pools", "", "ro", 200, ""},
	{"GET", "/v1/pools/www.", "", "ro", 200, ""},
	{"PUT", "/v1/pools/www.", `{"lines":[]}`, "o", 200, "PutPool"},
	{"DELETE", "/v1/pools/www.", "", "o", 200, "DeletePool"},
	{"PUT", "/v1/pools/www./members/a", `{"addresses":["192.0.2.1"]}`, "o", 200, "PutMember"},
	{"DELETE", "/v1/pools/www./members/a", "", "o", 200, "DeleteMember"},
	{"PUT", "/v1/pools/www./members/a/drain", "", "o", 200, "Drain"},
	{"DELETE", "/v1/pools/www./members/a/drain", "", "o", 200, "Undrain"},
	{"PUT", "/v1/pools/www./members/a/load", `{"load":1}`, "go", 200, ""},
	{"POST", "/v1/pools/www./registrations", `{"addresses":["192.0.2.1"]}`, "go", 201, "Register"},
	{"PUT", "/v1/pools/www./registrations/a", "", "go", 200, "Renew"},
	{"DELETE", "/v1/pools/www./registrations/a", "", "go", 200, "Leave"},
	{"GET", "/v1/blocklist", "", "ro", 200, ""},
	{"PUT", "/v1/blocklist", `[]`, "o", 200, ""},
	{"POST", "/v1/blocklist", `[]`, "o", 200, ""},
	{"DELETE", "/v1/blocklist/192.0.2.1", "", "o", 200, ""},
	{"GET", "/v1/pools/www./rollout", "", "ro", 200, "Rollout"},
	{"PUT", "/v1/pools/www./rollout", `{}`, "o", 200, "StartRollout"},
	{"POST", "/v1/pools/www./rollout/pause", "", "o", 200, "SteerRollout"},
	{"POST", "/v1/pools/www./rollout/resume", "", "o", 200, "SteerRollout"},
	{"POST", "/v1/pools/www./rollout/cancel", "", "o", 200, "SteerRollout"},
	{"POST", "/v1/pools/www./rollout/report", `{"rollout":"7"}`, "o", 200, "ReportRollout"},
	{"GET", "/v1/events", "", "ro", 200, ""},
	{"POST", "/v1/pools/www./probe", "", "o", 200, ""},
	{"GET", "/v1/explain?name=www&client=192.0.2.1", "", "ro", 200, ""},
	{"GET", "/openapi.json", "", "ro", 200, ""},
}

// acceptJSON makes events a list that ends.
const acceptJSON = "Accept: application/json"

func TestEveryCallWithEveryRole(t *testing.T) {
	c := clientOf(t, serve(t, Settings{TokenFile: writeFile(t, t.TempDir(), "tokens", tokenFile)}, &fake{name: "www."}))
	for _, call := range allCalls {
		for role, token := range map[string]string{"r": readToken, "g": registerToken, "o": operateToken, "": ""} {
			want := 403
			headers := []string{isJSON, acceptJSON, "Authorization: Bearer " + token}
			switch {
			case role == "":
				want, headers = 401, headers[:2]
			case strings.Contains(call.roles, role):
				want = call.status
			}
			t.Run(fmt.Sprintf("%s %s %q", call.method, call.path, role), func(t *testing.T) {
				c.do(t, call.method, call.path, call.body, headers...).want(t, want)
			})
		}
	}
}

func TestEveryCallIsRegistered(t *testing.T) {
	s := serve(t, Settings{}, new(fake)).current.Load()
	registered := make(map[string]bool)
	for path, methods := range s.offers {
		for _, method := range methods {
			if method != http.MethodHead {
				registered[method+" "+path] = true
			}
		}
	}
	for _, call := range allCalls {
		req, err := http.NewRequest(call.method, call.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, pattern := s.routes.Handler(req)
		if !registered[pattern] {
			t.Errorf("%s %s is at %q", call.method, call.path, pattern)
		}
		delete(registered, pattern)
		if s.register[pattern] != strings.Contains(call.roles, "g") {
			t.Errorf("%s for the role register: %v", pattern, s.register[pattern])
		}
	}
	if len(registered) > 0 {
		t.Errorf("not in the table: %v", registered)
	}
}

// TestEveryCall makes each call, and what it refuses whatever it is about.
func TestEveryCall(t *testing.T) {
	f := &fake{name: "www."}
	c := clientOf(t, serve(t, Settings{}, f))
	for _, call := range allCalls {
		t.Run(call.method+" "+call.path, func(t *testing.T) {
			f.made = nil
			sep := "?"
			if strings.Contains(call.path, "?") {
				sep = "&"
			}
			r := c.do(t, call.method, call.path, call.body, isJSON, acceptJSON)
			r.want(t, call.status)
			if r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Link") != "" ||
				strings.Contains(r.body, "$schema") || !json.Valid([]byte(r.body)) || !strings.HasSuffix(r.body, "\n") || r.ContentLength != int64(len(r.body)) {
				t.Errorf("%v: %q", r.Header, r.body)
			}
			if call.made != "" {
				if len(f.made) != 1 || f.made[0].name != call.made || !strings.HasPrefix(f.by, "127.0.0.1:") && call.method != "GET" {
					t.Errorf("the backend got %+v by %q", f.made, f.by)
				}
			}
			p := c.do(t, call.method, call.path+sep+"bogus=1", call.body, isJSON).problem(t, 400)
			if !strings.HasPrefix(p.Detail, `unknown query parameter "bogus"`) {
				t.Error(p.Detail)
			}
			if strings.HasPrefix(call.path, "/v1/pools/") {
				c.do(t, call.method, strings.Replace(call.path, "www.", "a..b", 1), call.body, isJSON).problem(t, 400)
			}
			for _, part := range []string{"/members/", "/registrations/"} {
				if strings.Contains(call.path, part) {
					c.do(t, call.method, strings.Replace(call.path, part+"a", part+"a%20b", 1), call.body, isJSON).problem(t, 400)
				}
			}
			switch {
			case call.body == "" && (call.method == "PUT" || call.method == "POST") && !strings.HasSuffix(call.path, "/drain"):
				p := c.do(t, call.method, call.path, "{}", isJSON).problem(t, 400)
				if p.Detail != "this call takes no body: leave it out" {
					t.Error(p.Detail)
				}
			case strings.HasPrefix(call.body, "{"):
				c.do(t, call.method, call.path, call.body, "Content-Type: text/plain").problem(t, 415)
				c.do(t, call.method, call.path, call.body).problem(t, 415)
				c.do(t, call.method, call.path, call.body, isJSON, "Content-Encoding: gzip").problem(t, 415)
				c.do(t, call.method, call.path, "", isJSON).problem(t, 400)
				c.do(t, call.method, call.path, "null", isJSON).problem(t, 400)
				c.do(t, call.method, call.path, call.body+call.body, isJSON).problem(t, 400)
				c.do(t, call.method, call.path, call.body+"\xff", isJSON).problem(t, 400)
				c.do(t, call.method, call.path, `{"x":1,`+call.body[1:], isJSON).problem(t, 400)
			}
			c.do(t, "PATCH", call.path, "").problem(t, 405)
			if len(f.made) > 1 {
				t.Errorf("the backend got %+v", f.made)
			}
		})
	}
}

// TestWhatReachesTheBackend compares the arguments of the new calls with what was sent, and answers with what should come of them.
func TestWhatReachesTheBackend(t *testing.T) {
	f := &fake{name: "www."}
	c := clientOf(t, serve(t, Settings{}, f))
	weight := 0
	both := Order{DryRun: true, Force: true}
	const effect = `"changed":true,"dry_run":false,"pools":[],"addresses":[]`
	for _, test := range []struct {
		method, path, body string
		want               made
		answer             string
	}{
		{"PUT", "WWW.lb.Example", `{"lines":["check tcp 80","answers 2"]}`,
			made{"PutPool", []any{"www.lb.example.", api.PoolSpec{Lines: []string{"check tcp 80", "answers 2"}}, Order{}}}, `{` + effect + `,"pool":{"name":"www.lb.example."`},
		{"PUT", "www.?dry_run=1&force=true", `{"lines":["\ttabbed"]}`, made{"PutPool", []any{"www.", api.PoolSpec{Lines: []string{"\ttabbed"}}, both}}, `{` + effect},
		{"DELETE", "%2A.www?force=1", "", made{"DeletePool", []any{"*.www.", Order{Force: true}}}, `{` + effect + `}`},
		{"PUT", "www./members/2001:db8::1?require_healthy=1",
			`{"addresses":["192.0.2.1","2001:DB8::1"],"weight":0,"priority":2,"region":"eu-west","port":8443,"probe_addresses":["10.0.0.1"]}`,
			made{"PutMember", []any{"www.", "2001:db8::1", api.MemberSpec{Addresses: []string{"192.0.2.1", "2001:DB8::1"}, Weight: &weight, Priority: 2,
				Region: "eu-west", Port: 8443, ProbeAddresses: []string{"10.0.0.1"}}, true, Order{}}}, `{` + effect + `,"member":{"id":"2001:db8::1"`},
		{"PUT", "www./members/a?require_healthy=0&dry_run=1&force=1", ` { "addresses" : [ "192.0.2.1" ] } `,
			made{"PutMember", []any{"www.", "a", api.MemberSpec{Addresses: []string{"192.0.2.1"}}, false, both}}, `{` + effect},
		{"DELETE", "www./members/%2e%2e?dry_run=true", "", made{"DeleteMember", []any{"www.", "..", Order{DryRun: true}}},
			`{"changed":false,"dry_run":false,"pools":[],"addresses":[]}`},
		{"PUT", "www./members/a/drain", "", made{"Drain", []any{"www.", "a", api.DrainSpec{}, Order{}}}, `{` + effect + `,"drain":{"since":`},
		{"PUT", "www./members/a/drain", " \r\n", made{"Drain", []any{"www.", "a", api.DrainSpec{}, Order{}}}, `{` + effect + `,"drain":{"since":`},
		{"PUT", "www./members/a/drain", "{}", made{"Drain", []any{"www.", "a", api.DrainSpec{}, Order{}}}, `{` + effect + `,"drain":{"since":`},
		{"PUT", "www./members/a/drain?force=1", `{"lead":true,"owner":"ann","reason":"new disk, é"}`,
			made{"Drain", []any{"www.", "a", api.DrainSpec{Lead: true, Owner: "ann", Reason: "new disk, é"}, Order{Force: true}}}, `{` + effect},
		{"DELETE", "www./members/a/drain?owner=ann", "", made{"Undrain", []any{"www.", "a", "ann", Order{}}}, `{` + effect + `}`},
		{"DELETE", "www./members/a/drain?dry_run=1&force=1", "", made{"Undrain", []any{"www.", "a", "", both}}, `{` + effect + `}`},
		{"PUT", "www./rollout?dry_run=1", `{"region":"eu","canary":1,"parallel":2,"max_failures":3,"timeout":"1h30m","owner":"ann","command":"a\n\tb {id}"}`,
			made{"StartRollout", []any{"www.", api.RolloutSpec{Region: "eu", Canary: 1, Parallel: 2, MaxFailures: 3, Timeout: "1h30m", Owner: "ann",
				Command: "a\n\tb {id}"}, Order{DryRun: true}}}, `{"id":"7"`},
		{"GET", "www./rollout", "", made{"Rollout", []any{"www.", Order{}}}, `{"id":"7"`},
		{"POST", "www./rollout/pause", "", made{"SteerRollout", []any{"www.", Pause, Order{}}}, `{"id":"7"`},
		{"POST", "www./rollout/resume", "", made{"SteerRollout", []any{"www.", Resume, Order{}}}, `{"id":"7"`},
		{"POST", "www./rollout/cancel", "", made{"SteerRollout", []any{"www.", Cancel, Order{}}}, `{"id":"7"`},
		{"POST", "www./rollout/report", `{"rollout":"7"}`, made{"ReportRollout", []any{"www.", api.RolloutReport{Rollout: "7"}, Order{}}}, `{"id":"7"`},
		{"POST", "www./rollout/report", `{"rollout":"7","member":"a","result":"failed","error":"exit 1:\n\u001b[31mno\u0000 disk\r\n"}`,
			made{"ReportRollout", []any{"www.", api.RolloutReport{Rollout: "7", Member: "a", Result: "failed", Error: "exit 1: [31mno disk"}, Order{}}}, `{"id":"7"`},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			headers := []string{isJSON}
			if strings.TrimSpace(test.body) == "" {
				headers = nil
			}
			r := c.do(t, test.method, "/v1/pools/"+test.path, test.body, headers...)
			r.want(t, 200)
			f.wantMade(t, test.want)
			if !strings.HasPrefix(r.body, test.answer) {
				t.Errorf("answered %s, want %s", r.body, test.answer)
			}
		})
	}
}

func TestRegistrations(t *testing.T) {
	var w warnings
	f := &fake{name: "www."}
	c := clientOf(t, serve(t, Settings{Warn: w.add}, f))
	const path, secret = "/v1/pools/www/registrations", "Registration-Secret: s3cret"
	for _, test := range []struct {
		id, location string
	}{
		{"", "/v1/pools/www./registrations/2001:db8::1"}, {"a", "/v1/pools/www./registrations/a"}, {"..", "/v1/pools/www./registrations/%2E%2E"},
	} {
		spec := api.RegistrationSpec{MemberSpec: api.MemberSpec{Addresses: []string{"2001:db8::1"}}, ID: test.id, TTL: "45s"}
		body, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		r := c.do(t, "POST", path, string(body), isJSON)
		r.want(t, 201)
		f.wantMade(t, made{"Register", []any{"www.", spec, "", Order{}}})
		if r.Header.Get("Location") != test.location || !strings.Contains(r.body, `"secret":"s3cret"`) {
			t.Errorf("%v: %s", r.Header, r.body)
		}
		// where Location leads, it is renewed and ended
		id := test.id
		if id == "" {
			id = "2001:db8::1"
		}
		c.do(t, "PUT", test.location, "", secret).want(t, 200)
		f.wantMade(t, made{"Renew", []any{"www.", id, "s3cret", Order{}}})
		c.do(t, "DELETE", test.location, "", secret).want(t, 200)
		f.wantMade(t, made{"Leave", []any{"www.", id, "s3cret", Order{}}})
	}

	c.do(t, "POST", path, `{"addresses":["192.0.2.1"]}`, isJSON, secret).want(t, 201)
	f.wantMade(t, made{"Register", []any{"www.", api.RegistrationSpec{MemberSpec: api.MemberSpec{Addresses: []string{"192.0.2.1"}}}, "s3cret", Order{}}})
	c.do(t, "PUT", path+"/a", "").want(t, 200) // whether there is such a registration comes first, which the backend knows
	f.wantMade(t, made{"Renew", []any{"www.", "a", "", Order{}}})
	for _, method := range []string{"PUT", "DELETE"} {
		r := c.do(t, method, path+"/a", "", secret, secret)
		if p := r.problem(t, 400); p.Detail != "the header Registration-Secret stands 2 times: want it once" {
			t.Error(p.Detail)
		}
	}

	// no error and no warning tells the secret
	for _, err := range []error{errors.New("broken"), NewProblem(http.StatusForbidden, "the secret is not that of the registration"), syscall.ENOSPC} {
		f.fail = err
		for _, r := range []reply{
			c.do(t, "POST", path, `{"addresses":["192.0.2.1"]}`, isJSON, secret), c.do(t, "PUT", path+"/a", "", secret),
			c.do(t, "POST", path, `{"addresses":["192.0.2.1"]`, isJSON, secret), c.do(t, "PUT", path+"/a", "s3cret", secret),
		} {
			if strings.Contains(r.body, "s3cret") || r.Header.Get("Location") != "" || r.StatusCode < 400 {
				t.Errorf("%v: %s", r.Status, r.body)
			}
		}
	}
	if all := strings.Join(w.take(), "\n"); strings.Contains(all, "s3cret") {
		t.Error(all)
	}
}

func TestDeleteAnOwnersBlock(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	for _, test := range []struct {
		query, owner string
		by           bool
		status       int
	}{
		{"", "", false, 200}, {"?owner=ann", "ann", true, 200}, {"?pool=www&owner=ann%2Fops&force=1", "ann/ops", true, 200},
		{"?owner=", "", false, 400}, {"?owner=a+b", "", false, 400}, {"?owner=%00", "", false, 400}, {"?owner=%ff", "", false, 400},
		{"?owner=" + strings.Repeat("x", 65), "", false, 400}, {"?owner=a&owner=b", "", false, 400},
	} {
		f.changes = nil
		c.do(t, "DELETE", "/v1/blocklist/192.0.2.1"+test.query, "").want(t, test.status)
		if got := f.last(); got.Remove.Owner != test.owner || got.ByOwner != test.by || (len(f.changes) > 0) != (test.status == 200) {
			t.Errorf("%q: %+v", test.query, got)
		}
	}
}

// TestErrorsOfEveryCall has the backend fail each call in each way.
func TestErrorsOfEveryCall(t *testing.T) {
	var w warnings
	f := &fake{name: "www."}
	c := clientOf(t, serve(t, Settings{Warn: w.add}, f))
	for _, test := range []struct {
		err    error
		status int
		want   string
		warned bool
	}{
		{NewProblem(404, "there is no pool %s", "www."), 404, "there is no pool www.", false},
		{fmt.Errorf("wrapped: %w", NewProblem(422, "refused")), 422, "refused", false},
		{ErrReadOnly, 409, "state", false},
		{&InterlockError{api.Effect{Pools: []api.FamilyEffect{{Pool: "www.", Family: "A", Refused: "1 of 2"}}}}, 409, "force=1", false},
		{fmt.Errorf("/secret: %w", syscall.ENOSPC), 507, "full", true},
		{errors.New("/secret"), 500, "log", true},
	} {
		f.fail = test.err
		for _, call := range allCalls {
			if call.made == "" {
				continue
			}
			r := c.do(t, call.method, call.path, call.body, isJSON)
			p := r.problem(t, test.status)
			if !strings.Contains(p.Detail, test.want) || strings.Contains(r.body, "secret") || strings.Contains(r.body, "s3cret") {
				t.Errorf("%s %s: %s", call.method, call.path, r.body)
			}
			if hasEffect := p.Effect != nil && len(p.Effect.Pools) == 1 && p.Effect.Addresses != nil; hasEffect != (test.want == "force=1") {
				t.Errorf("%s %s: effect in %s", call.method, call.path, r.body)
			}
			if warned := len(w.take()) > 0; warned != test.warned {
				t.Errorf("%s %s: warned: %v", call.method, call.path, warned)
			}
		}
	}
}

func TestPages(t *testing.T) {
	f := new(fake)
	for i := range 250 {
		f.pools = append(f.pools, fmt.Sprintf("p%04d.lb.example.", i))
	}
	c := clientOf(t, serve(t, Settings{}, f))
	var got []string
	path, sizes := "/v1/pools", []int{}
	for path != "" {
		r := c.do(t, "GET", path, "")
		var page []api.Pool
		if err := json.Unmarshal([]byte(r.body), &page); err != nil {
			t.Fatal(err)
		}
		for _, p := range page {
			got = append(got, p.Name)
		}
		sizes = append(sizes, len(page))
		link := r.Header.Get("Link")
		path, _ = strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
	if strings.Join(got, " ") != strings.Join(f.pools, " ") || fmt.Sprint(sizes) != "[100 100 50]" {
		t.Errorf("pages of %v: %v", sizes, got)
	}

	for _, test := range []struct {
		query  string
		status int
		link   string
		n      int
	}{
		{"limit=1", 200, `</v1/pools?after=p0000.lb.example.&limit=1>; rel="next"`, 1},
		{"limit=1000", 200, "", 250}, {"limit=250", 200, "", 250}, {"limit=249", 200, `</v1/pools?after=p0248.lb.example.&limit=249>; rel="next"`, 249},
		{"after=P0247.lb.example&limit=2", 200, "", 2}, {"after=p0249.lb.example", 200, "", 0}, {"after=nobody.", 200, `</v1/pools?after=p0099.lb.example.&limit=100>; rel="next"`, 100},
		{"limit=0", 400, "", 0}, {"limit=1001", 400, "", 0}, {"limit=-1", 400, "", 0}, {"limit=", 400, "", 0}, {"limit=1e2", 400, "", 0}, {"limit=%2B5", 400, "", 0},
		{"limit=99999999999999999999", 400, "", 0}, {"limit=1&limit=2", 400, "", 0}, {"after=", 400, "", 0}, {"after=a..b", 400, "", 0}, {"page=2", 400, "", 0},
	} {
		t.Run(test.query, func(t *testing.T) {
			r := c.do(t, "GET", "/v1/pools?"+test.query, "")
			if r.want(t, test.status); test.status != 200 {
				return
			}
			if n := strings.Count(r.body, `"name"`); n != test.n || r.Header.Get("Link") != test.link || r.body[0] != '[' {
				t.Errorf("%d pools, Link %s", n, r.Header.Get("Link"))
			}
		})
	}
}
