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
