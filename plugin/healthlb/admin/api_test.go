package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
)

func TestPools(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, &fake{name: "www.lb.example."}))
	var pools []api.Pool
	r := c.do(t, "GET", "/v1/pools", "")
	if err := json.Unmarshal([]byte(r.body), &pools); err != nil || len(pools) != 2 || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%v: %s", err, r.body)
	}
	if strings.Count(r.body, "\n") != 1 || !strings.HasSuffix(r.body, "\n") {
		t.Errorf("not one line: %q", r.body)
	}

	for _, test := range []struct {
		path, name string // "": a problem
		status     int
	}{
		{"www.lb.example.", "www.lb.example.", 200}, {"www.lb.example", "www.lb.example.", 200}, {"WWW.lb.Example", "www.lb.example.", 200},
		{"*.lb.example", "*.lb.example.", 200}, {"%2A.lb.example.", "*.lb.example.", 200}, {"%2a.lb.example.", "*.lb.example.", 200},
		{"lb.example", "", 404}, {"a..b", "", 400}, {"a%20b", "", 400}, {"", "", 404}, {"www.lb.example./", "", 404},
		{"www.lb.example./members", "", 404}, {strings.Repeat("a", 64), "", 400},
	} {
		t.Run(test.path, func(t *testing.T) {
			r := c.do(t, "GET", "/v1/pools/"+test.path, "")
			r.want(t, test.status)
			if test.name == "" {
				return
			}
			var pool api.Pool
			if err := json.Unmarshal([]byte(r.body), &pool); err != nil || pool.Name != test.name {
				t.Errorf("%v: %s", err, r.body)
			}
		})
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	for _, path := range []string{"/v1/pools", "/v1/blocklist", "/nothing"} {
		get, head := c.do(t, "GET", path, ""), c.do(t, "HEAD", path, "")
		if head.StatusCode != get.StatusCode || head.body != "" || head.ContentLength != get.ContentLength ||
			head.Header.Get("ETag") != get.Header.Get("ETag") {
			t.Errorf("%s: %v and %v", path, get, head)
		}
	}
}

func TestMethodsAndPaths(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	for _, test := range []struct {
		method, path, allow string
		status              int
	}{
		{"POST", "/v1/pools", "GET, HEAD", 405}, {"POST", "/v1/pools/www.", "DELETE, GET, HEAD, PUT", 405}, {"OPTIONS", "/v1/pools", "GET, HEAD", 405},
		{"DELETE", "/v1/blocklist", "GET, HEAD, POST, PUT", 405}, {"PATCH", "/v1/blocklist", "GET, HEAD, POST, PUT", 405},
		{"GET", "/v1/blocklist/192.0.2.1", "DELETE", 405}, {"GET", "/v1/blocklist/", "DELETE", 405},
		{"GET", "/", "", 404}, {"GET", "/v1", "", 404}, {"GET", "/v2/pools", "", 404}, {"GET", "/v1/pools/", "", 404}, {"GET", "//v1/pools", "", 404},
		{"GET", "/v1/../v1/pools", "", 404}, {"GET", "/v1/./pools", "", 404}, {"PUT", "/v1//blocklist", "", 404},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			r := c.do(t, test.method, test.path, "")
			r.problem(t, test.status)
			if r.Header.Get("Allow") != test.allow {
				t.Errorf("Allow %q, want %q", r.Header.Get("Allow"), test.allow)
			}
		})
	}
}

// TestTargetsWithoutPath checks what is no path at all.
func TestTargetsWithoutPath(t *testing.T) {
	s := serve(t, Settings{}, new(fake))
	for _, line := range []string{"OPTIONS *", "CONNECT localhost:1"} {
		conn := dialRaw(t, s)
		if _, err := conn.Write([]byte(line + " HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(conn.Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		var p Problem
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil || res.StatusCode != 404 || p.Status != 404 {
			t.Errorf("%s: %v, %v, %+v", line, err, res.Status, p)
		}
		res.Body.Close()
	}
}

func TestQueryParameters(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	for _, test := range []struct {
		method, path string
		status       int
		want         BlockChange // DryRun and Force
	}{
		{"PUT", "/v1/blocklist", 200, BlockChange{}},
		{"PUT", "/v1/blocklist?dry_run=1", 200, BlockChange{Order: Order{DryRun: true}}},
		{"POST", "/v1/blocklist?dry_run=true&force=1", 200, BlockChange{Order: Order{DryRun: true, Force: true}}},
		{"DELETE", "/v1/blocklist/192.0.2.1?dry_run=0&force=true", 200, BlockChange{Order: Order{Force: true}}},
		{"PUT", "/v1/blocklist?dry_run=false&force=0", 200, BlockChange{}},
		{"PUT", "/v1/blocklist?dryrun=1", 400, BlockChange{}}, {"PUT", "/v1/blocklist?dry-run=1", 400, BlockChange{}},
		{"PUT", "/v1/blocklist?Dry_run=1", 400, BlockChange{}}, {"PUT", "/v1/blocklist?dry_run", 400, BlockChange{}},
		{"PUT", "/v1/blocklist?dry_run=", 400, BlockChange{}}, {"PUT", "/v1/blocklist?dry_run=yes", 400, BlockChange{}},
		{"PUT", "/v1/blocklist?dry_run=True", 400, BlockChange{}}, {"PUT", "/v1/blocklist?dry_run=1&dry_run=0", 400, BlockChange{}},
		{"PUT", "/v1/blocklist?dry_run=1;force=1", 400, BlockChange{}}, {"PUT", "/v1/blocklist?%zz", 400, BlockChange{}},
		{"PUT", "/v1/blocklist?pool=a.", 400, BlockChange{}}, {"PUT", "/v1/blocklist?=1", 400, BlockChange{}},
		{"GET", "/v1/blocklist?pool=a.", 400, BlockChange{}}, {"GET", "/v1/pools?x", 400, BlockChange{}}, {"GET", "/v1/pools/www.?x=y", 400, BlockChange{}},
		{"DELETE", "/v1/blocklist/192.0.2.1?pools=a.", 400, BlockChange{}}, {"DELETE", "/v1/blocklist/192.0.2.1?pool=", 400, BlockChange{}},
		{"DELETE", "/v1/blocklist/192.0.2.1?pool=a..b", 400, BlockChange{}},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			f.changes = nil
			c.do(t, test.method, test.path, "").want(t, test.status)
			if got := f.last(); got.DryRun != test.want.DryRun || got.Force != test.want.Force || (test.status == 400 && len(f.changes) > 0) {
				t.Errorf("changes %+v", f.changes)
			}
		})
	}
}

func TestMediaTypes(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	text, list := "192.0.2.1 # text\n", `[{"address":"192.0.2.1"}]`
	for _, test := range []struct {
		name, header, body string
		status             int
	}{
		{"none is text", "X: y", text, 200}, {"text", "Content-Type: text/plain", text, 200}, {"JSON", "Content-Type: application/json", list, 200},
		{"charset", "Content-Type: text/plain; charset=UTF-8", text, 200}, {"charset of JSON", `Content-Type: application/json;charset="utf-8"`, list, 200},
		{"in capitals", "Content-Type: Text/Plain", text, 200},
		{"another charset", "Content-Type: text/plain; charset=utf-16", text, 415},
		{"what curl -d says", "Content-Type: application/x-www-form-urlencoded", text, 415}, {"another", "Content-Type: text/html", text, 415},
		{"garbage", "Content-Type: ;", text, 415}, {"compressed", "Content-Encoding: gzip", text, 415},
		{"JSON as text", "Content-Type: text/plain", list, 400}, {"text as JSON", "Content-Type: application/json", text, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.changes = nil
			for _, method := range []string{"PUT", "POST"} {
				r := c.do(t, method, "/v1/blocklist", test.body, test.header)
				r.want(t, test.status)
				if test.status == 415 && (!strings.Contains(r.body, "text/plain") || !strings.Contains(r.body, "application/json")) {
					t.Errorf("does not name what is taken: %s", r.body)
				}
			}
			if test.status == 200 && (len(f.changes) != 2 || len(f.last().Entries) != 1 || f.changes[0].Op != BlockReplace || f.changes[1].Op != BlockAdd) ||
				test.status != 200 && len(f.changes) > 0 {
				t.Errorf("changes %+v", f.changes)
			}
		})
	}
}

func TestErrorsOfTheBodyAreTold(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	p := c.do(t, "PUT", "/v1/blocklist", "192.0.2.1\n192.0.2.7/24\n").problem(t, 400)
	if p.Detail != "line 2: 192.0.2.7/24 has host bits: write 192.0.2.0/24" {
		t.Error(p.Detail)
	}
	p = c.do(t, "POST", "/v1/blocklist", `[{"address":"192.0.2.1","x":"y"}]`, "Content-Type: application/json").problem(t, 400)
	if !strings.HasPrefix(p.Detail, `entry [0]: unknown field "x"`) {
		t.Error(p.Detail)
	}
}

func TestLargeBodies(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	line := "192.0.2.1 #"
	c.do(t, "PUT", "/v1/blocklist", line+strings.Repeat("x", maxBody-len(line))).want(t, 200)
	f.changes = nil
	// The answer to a body that is not read may get lost with the connection, which the client then says.
	r, err := c.try("PUT", "/v1/blocklist", line+strings.Repeat("x", maxBody-len(line)+1))
	if err == nil {
		r.want(t, 413)
	}
	if len(f.changes) > 0 {
		t.Error("the backend was asked")
	}
}

func TestDelete(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	for _, test := range []struct {
		path, prefix, pool string
		status             int
	}{
		{"192.0.2.1", "192.0.2.1/32", "", 200}, {"192.0.2.1/32", "192.0.2.1/32", "", 200},
		{"192.0.2.0/24", "192.0.2.0/24", "", 200}, {"192.0.2.0%2F24", "192.0.2.0/24", "", 200}, {"192.0.2.0%2f24", "192.0.2.0/24", "", 200},
		{"2001:db8::1", "2001:db8::1/128", "", 200}, {"2001:DB8::/32", "2001:db8::/32", "", 200}, {"2001%3Adb8%3A%3A%2F32", "2001:db8::/32", "", 200},
		{"::/0", "::/0", "", 200}, {"0.0.0.0/0", "0.0.0.0/0", "", 200},
		{"192.0.2.1?pool=WWW.lb.example", "192.0.2.1/32", "www.lb.example.", 200}, {"192.0.2.1?pool=%2A.lb.example", "192.0.2.1/32", "*.lb.example.", 200},
		{"192.0.2.7/24", "", "", 400}, {"::ffff:192.0.2.1", "", "", 400}, {"fe80::1%25eth0", "", "", 400}, {"www.lb.example", "", "", 400},
		{"192.0.2.0/24/x", "", "", 400}, {"192.0.2.0/", "", "", 400}, {"", "", "", 400},
	} {
		t.Run(test.path, func(t *testing.T) {
			f.changes = nil
			c.do(t, "DELETE", "/v1/blocklist/"+test.path, "").want(t, test.status)
			if test.status != 200 {
				if len(f.changes) > 0 {
					t.Errorf("changes %+v", f.changes)
				}
				return
			}
			want := block.Entry{Prefix: netip.MustParsePrefix(test.prefix), Pool: test.pool}
			if got := f.last(); got.Op != BlockRemove || got.Remove != want {
				t.Errorf("change %+v", got)
			}
		})
	}
}

func TestGetBlocklist(t *testing.T) {
	f := &fake{entries: []block.Entry{
		{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Mode: block.Omit, Reason: "a <b>", Until: time.Now().Add(time.Hour).UTC().Truncate(time.Second)},
		{Prefix: netip.MustParsePrefix("2001:db8::/32"), Pool: "www.", Mode: block.NoRegister},
	}}
	c := clientOf(t, serve(t, Settings{}, f))
	text := "192.0.2.1 for="
	for accept, isText := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/plain": true, "Text/Plain": true, "text/*": true, "text/html": false, "image/png": false,
		"text/plain, application/json": false, "text/plain, application/json;q=0.5": true, "text/plain;q=0.5, application/json": false,
		"text/plain, */*;q=0.1": true, "text/plain;q=0": false, "application/*, text/plain;q=0.9": false, "garbage;;, text/plain": true,
	} {
		t.Run(accept, func(t *testing.T) {
			r := c.do(t, "GET", "/v1/blocklist", "", "Accept: "+accept)
			r.want(t, 200)
			want := "application/json"
			if isText {
				want = "text/plain; charset=utf-8"
			}
			if r.Header.Get("Content-Type") != want || strings.HasPrefix(r.body, text) != isText || r.Header.Get("ETag") != fakeETag {
				t.Errorf("%v: %s", r.Header, r.body)
			}
			// what GET gives, PUT takes
			c.do(t, "PUT", "/v1/blocklist", r.body, "Content-Type: "+want).want(t, 200)
			if got := f.last().Entries; !slices.EqualFunc(got, f.entries, func(a, b block.Entry) bool {
				drift := a.Until.Sub(b.Until).Abs() // the text form says what is left
				a.Until, b.Until = time.Time{}, time.Time{}
				return a == b && drift <= patience
			}) {
				t.Errorf("got %v back, want %v", got, f.entries)
			}
		})
	}
	f.entries = nil
	if r := c.do(t, "GET", "/v1/blocklist", ""); r.body != "[]\n" {
		t.Errorf("an empty list is %q", r.body)
	}
}

func TestIfNoneMatch(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	for header, want := range map[string]int{
		`"v1"`: 304, `W/"v1"`: 304, `"v0", "v1"`: 304, `*`: 304, `"v0"`: 200, `"v0",W/"v2"`: 200, `v1`: 400, `"v1`: 400,
	} {
		r := c.do(t, "GET", "/v1/blocklist", "", "If-None-Match: "+header)
		r.want(t, want)
		if want == 304 && (r.body != "" || r.Header.Get("ETag") != fakeETag) {
			t.Errorf("%s: %v %q", header, r.Header, r.body)
		}
	}
	c.do(t, "GET", "/v1/blocklist", "", `If-None-Match: "v1"`, "Accept: text/plain").want(t, 200) // what is left of an expiry changes
}

func TestIfMatch(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	for _, test := range []struct {
		name, header string
		status       int
		want         []string
	}{
		{"ours", `"v1"`, 200, []string{`"v1"`}}, {"any", `*`, 200, []string{"*"}}, {"one of several", `"v0" , "v1"`, 200, []string{`"v0"`, `"v1"`}},
		{"a comma inside", `"a,b", "v1"`, 200, []string{`"a,b"`, `"v1"`}}, {"empty elements", `,, "v1",`, 200, []string{`"v1"`}},
		{"another", `"v0"`, 412, []string{`"v0"`}}, {"weak", `W/"v1"`, 412, []string{}}, {"weak beside ours", `W/"v0", "v1"`, 200, []string{`"v1"`}},
		{"no quotes", `v1`, 400, nil}, {"open quote", `"v1`, 400, nil}, {"no comma", `"v1" "v0"`, 400, nil}, {"empty", ``, 400, nil}, {"commas", `,,`, 400, nil},
		{"star in a list", `*, "v1"`, 400, nil}, {"space inside", `"v 1"`, 400, nil}, {"weak without a tag", `W/`, 400, nil}, {"w/", `w/"v1"`, 400, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, call := range []string{"PUT /v1/blocklist", "POST /v1/blocklist", "DELETE /v1/blocklist/192.0.2.1"} {
				f.changes = nil
				method, path, _ := strings.Cut(call, " ")
				c.do(t, method, path, "", "If-Match: "+test.header).want(t, test.status)
				if !reflect.DeepEqual(f.last().IfMatch, test.want) {
					t.Errorf("%s: IfMatch %q, want %q", call, f.last().IfMatch, test.want)
				}
			}
		})
	}
	f.changes = nil
	c.do(t, "PUT", "/v1/blocklist", "", `If-Match: "v0"`, `If-Match: "v1"`).want(t, 200)
	c.do(t, "PUT", "/v1/blocklist", "").want(t, 200)
	if f.last().IfMatch != nil {
		t.Errorf("IfMatch %q without a header", f.last().IfMatch)
	}
}

func TestEffect(t *testing.T) {
	f := &fake{effect: api.Effect{Changed: true, ETag: `"v2"`, Pools: []api.FamilyEffect{{Pool: "www.", Family: "A", EligibleBefore: 2, EligibleAfter: 1}}}}
	c := clientOf(t, serve(t, Settings{}, f))
	r := c.do(t, "PUT", "/v1/blocklist", "192.0.2.1")
	var effect api.Effect
	if err := json.Unmarshal([]byte(r.body), &effect); err != nil || !effect.Changed || effect.DryRun || len(effect.Pools) != 1 || effect.Addresses == nil {
		t.Errorf("%v: %s", err, r.body)
	}
	if r.Header.Get("ETag") != `"v2"` {
		t.Errorf("ETag %q", r.Header.Get("ETag"))
	}
	r = c.do(t, "PUT", "/v1/blocklist?dry_run=1", "192.0.2.1")
	if r.Header.Get("ETag") != "" || !strings.Contains(r.body, `"dry_run":true`) {
		t.Errorf("dry run: %v %s", r.Header, r.body)
	}
	if by := f.last().By; !strings.HasPrefix(by, "127.0.0.1:") {
		t.Errorf("by %q", by)
	}
}

func TestErrorsOfTheBackend(t *testing.T) {
	var w warnings
	f := &fake{name: "www."}
	c := clientOf(t, serve(t, Settings{Warn: w.add}, f))
	interlock := &InterlockError{api.Effect{Pools: []api.FamilyEffect{{Pool: "www.", Family: "A", Refused: "1 of 2 would be left, min_up is 2"}}}}
	for _, test := range []struct {
		name   string
		err    error
		status int
		want   string
		warned bool
	}{
		{"read-only", ErrReadOnly, 409, "state", false},
		{"precondition", fmt.Errorf("wrapped: %w", ErrPrecondition), 412, "read it again", false},
		{"interlock", fmt.Errorf("wrapped: %w", interlock), 409, "force=1", false},
		{"full disk", fmt.Errorf("/secret/path: %w", syscall.ENOSPC), 507, "full", true},
		{"store", errors.New("/secret/path: broken"), 500, "log", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.fail = test.err
			for _, call := range []string{"PUT /v1/blocklist", "POST /v1/blocklist", "DELETE /v1/blocklist/192.0.2.1"} {
				method, path, _ := strings.Cut(call, " ")
				r := c.do(t, method, path, "")
				p := r.problem(t, test.status)
				if !strings.Contains(p.Detail, test.want) || strings.Contains(r.body, "secret") {
					t.Errorf("%s: %s", call, r.body)
				}
				if (p.Effect != nil) != (test.name == "interlock") || p.Effect != nil && (len(p.Effect.Pools) != 1 || p.Effect.Addresses == nil) {
					t.Errorf("%s: effect in %s", call, r.body)
				}
				if warned := len(w.take()) > 0; warned != test.warned {
					t.Errorf("%s: warned: %v", call, warned)
				}
			}
		})
	}
}

func TestPanicsAreAnswered(t *testing.T) {
	var w warnings
	c := clientOf(t, serve(t, Settings{Warn: w.add}, &fake{panics: true}))
	r := c.do(t, "GET", "/v1/pools", "")
	r.problem(t, 500)
	if all := w.take(); len(all) != 1 || !strings.Contains(all[0], "secret cause") || strings.Contains(r.body, "secret") {
		t.Errorf("warned %q, answered %s", all, r.body)
	}
	c.do(t, "GET", "/v1/blocklist", "").want(t, 200)
}

func TestRequestsAreObserved(t *testing.T) {
	type seen struct {
		method string
		code   int
	}
	observed := make(chan seen, 1)
	s := serve(t, Settings{Observe: func(method string, code int) { observed <- seen{method, code} }}, new(fake))
	c := clientOf(t, s)
	for _, test := range []struct {
		method, path string
		want         seen
	}{
		{"GET", "/v1/pools", seen{"GET", 200}}, {"HEAD", "/nothing", seen{"HEAD", 404}}, {"PUT", "/v1/blocklist?x=y", seen{"PUT", 400}},
		{"DELETE", "/v1/blocklist/192.0.2.1", seen{"DELETE", 200}}, {"POST", "/v1/pools", seen{"POST", 405}},
		{"OPTIONS", "/v1/pools", seen{"other", 405}}, {"MADEUP", "/", seen{"other", 404}},
	} {
		c.do(t, test.method, test.path, "")
		if got := <-observed; got != test.want {
			t.Errorf("%s %s is observed as %v", test.method, test.path, got)
		}
	}
}
