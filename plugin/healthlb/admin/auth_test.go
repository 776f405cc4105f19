package admin

import (
	"strings"
	"testing"
)

func TestRoles(t *testing.T) {
	c := clientOf(t, serve(t, Settings{TokenFile: writeFile(t, t.TempDir(), "tokens", tokenFile)}, &fake{name: "www."}))
	for _, test := range []struct {
		name          string
		authorization string
		get, put, del int
	}{
		{"no token", "", 401, 401, 401},
		{"unknown token", "Bearer " + operateToken + "x", 401, 401, 401},
		{"start of a token", "Bearer " + operateToken[:20], 401, 401, 401},
		{"empty token", "Bearer ", 401, 401, 401},
		{"no scheme", operateToken, 401, 401, 401},
		{"another scheme", "Basic " + operateToken, 401, 401, 401},
		{"read", "Bearer " + readToken, 200, 403, 403},
		{"register", "Bearer " + registerToken, 403, 403, 403},
		{"operate", "Bearer " + operateToken, 200, 200, 200},
		{"a scheme has no case (RFC 9110 section 11.1)", "bearer  " + operateToken, 200, 200, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, call := range []struct {
				method, path string
				want         int
			}{
				{"GET", "/v1/pools", test.get}, {"HEAD", "/v1/blocklist", test.get}, {"GET", "/v1/pools/www.", test.get},
				{"PUT", "/v1/blocklist", test.put}, {"POST", "/v1/blocklist", test.put}, {"DELETE", "/v1/blocklist/192.0.2.1", test.del},
			} {
				r := c.do(t, call.method, call.path, "", "Authorization: "+test.authorization)
				r.want(t, call.want)
				if challenge := r.Header.Get("WWW-Authenticate"); (call.want == 401) != strings.HasPrefix(challenge, "Bearer") {
					t.Errorf("%s %s: WWW-Authenticate %q with %d", call.method, call.path, challenge, call.want)
				}
			}
		})
	}
}

func TestTwoAuthorizationHeadersAreNone(t *testing.T) {
	c := clientOf(t, serve(t, Settings{TokenFile: writeFile(t, t.TempDir(), "tokens", tokenFile)}, new(fake)))
	c.do(t, "GET", "/v1/pools", "", "Authorization: Bearer "+operateToken, "Authorization: Bearer "+operateToken).want(t, 401)
}

func TestWithoutTokenFileEverybodyOperates(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	c.do(t, "PUT", "/v1/blocklist", "").want(t, 200)
}

func TestStrangersLearnNothing(t *testing.T) {
	f := &fake{fail: ErrReadOnly}
	c := clientOf(t, serve(t, Settings{TokenFile: writeFile(t, t.TempDir(), "tokens", tokenFile)}, f))
	c.do(t, "GET", "/nothing", "").want(t, 401)
	c.do(t, "PATCH", "/v1/pools", "").want(t, 401)
	c.do(t, "PUT", "/v1/blocklist?x=y", "nonsense").want(t, 401)
	c.do(t, "PUT", "/v1/blocklist", "nonsense", "Authorization: Bearer "+readToken).want(t, 403)
	// who may change, but cannot: first what is wrong with the request
	c.do(t, "PUT", "/v1/blocklist", "nonsense", "Authorization: Bearer "+operateToken).want(t, 400)
	c.do(t, "PUT", "/v1/blocklist", "", "Authorization: Bearer "+operateToken).want(t, 409)
}

// TestRolesOfCalls checks the calls of which not the method alone decides who may make them.
func TestRolesOfCalls(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{TokenFile: writeFile(t, t.TempDir(), "tokens", tokenFile)}, f))
	const load, explain = "/v1/pools/www./members/a/load", "/v1/explain?name=www&client=192.0.2.1"
	const register = "the token's role is register: %s needs a token with the role operate, or read for GET"
	for _, test := range []struct {
		token, method, path string
		status              int
		want                string // of a problem's detail, %s the method
	}{
		{operateToken, "PUT", load, 200, ""}, {registerToken, "PUT", load, 200, ""},
		{readToken, "PUT", load, 403, "the token's role is read: this call needs a token with the role register or operate"},
		{"x" + operateToken, "PUT", load, 401, "the token is not in the token file"},
		{operateToken, "GET", explain, 200, ""}, {readToken, "GET", explain, 200, ""}, {registerToken, "GET", explain, 403, register},
		{registerToken, "GET", load, 403, register}, {registerToken, "POST", load, 403, register}, {registerToken, "DELETE", load, 403, register},
		{registerToken, "PUT", "/v1/blocklist", 403, register}, {registerToken, "PUT", "/v1/pools/www./members/a", 403, register},
		{registerToken, "PUT", "/v1/pools/www.", 403, register},
		{registerToken, "PUT", load + "/x", 403, register}, {registerToken, "PUT", "/", 403, register},
		{registerToken, "PUT", "/v1/pools/www.//members/a/load", 404, // as good as the call, but for its path
			"there is nothing at /v1/pools/www.//members/a/load: did you mean /v1/pools/www./members/a/load?"},
		{registerToken, "PUT", load + "/../../../../../blocklist", 403, register},
		{readToken, "GET", load, 405, "GET is not possible here: want PUT"},
		{readToken, "DELETE", load, 403, "the token's role is read: %s needs a token with the role operate"},
		{operateToken, "DELETE", load, 405, "DELETE is not possible here: want PUT"}, {operateToken, "PUT", load + "/x", 404, "there is nothing at"},
	} {
		t.Run(test.method+" "+test.path+" "+test.token, func(t *testing.T) {
			f.reports, f.asked = nil, nil
			r := c.do(t, test.method, test.path, `{"load":1}`, isJSON, "Authorization: Bearer "+test.token)
			if r.want(t, test.status); test.status == 200 {
				return
			}
			if p := r.problem(t, test.status); !strings.HasPrefix(p.Detail, strings.ReplaceAll(test.want, "%s", test.method)) {
				t.Errorf("%q, want %q", p.Detail, test.want)
			}
			if len(f.reports)+len(f.asked) > 0 {
				t.Error("the backend was asked")
			}
		})
	}
	c.do(t, "PUT", load, `{"load":1}`, isJSON).problem(t, 401)
	c.do(t, "PUT", load, "nonsense", isJSON, "Authorization: Bearer "+readToken).problem(t, 403)
}

// TestStrangersHoldNoConnection checks that whoever may not come in is not kept waiting at the door, where there is little room.
func TestStrangersHoldNoConnection(t *testing.T) {
	c := clientOf(t, serve(t, Settings{TokenFile: writeFile(t, t.TempDir(), "tokens", tokenFile)}, new(fake)))
	if got := c.do(t, "GET", "/v1/pools", "").Close; !got {
		t.Error("a connection without a token stays open")
	}
	if got := c.do(t, "GET", "/v1/pools", "", "Authorization: Bearer "+readToken).Close; got {
		t.Error("a connection with a token is closed")
	}
}
