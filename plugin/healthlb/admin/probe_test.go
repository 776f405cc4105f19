package admin

import (
	"errors"
	"net/http"
	"testing"
)

func TestProbe(t *testing.T) {
	f := &fake{name: "www."}
	c := clientOf(t, serve(t, Settings{}, f))
	for _, test := range []struct {
		path, id string
	}{{"WWW.lb.Example/probe", ""}, {"www.lb.example./probe?member=web-1", "web-1"}, {"www.lb.example./probe?member=2001:db8::1", "2001:db8::1"}} {
		r := c.do(t, "POST", "/v1/pools/"+test.path, "")
		r.want(t, 200)
		f.wantMade(t, made{"Probe", []any{"www.lb.example.", test.id, Order{}}})
		if want := `{"pool":"www.lb.example.","passed":false,"probes":[{"member":"a",`; len(r.body) < len(want) || r.body[:len(want)] != want {
			t.Errorf("answered %s", r.body)
		}
	}
}

func TestProbeRefusals(t *testing.T) {
	var w warnings
	f := &fake{name: "www."}
	c := clientOf(t, serve(t, Settings{Warn: w.add}, f))
	for _, test := range []struct{ query, want string }{
		{"?member=", `member "" is not allowed as a name: want 1 to 63 of A-Z a-z 0-9 . _ : -`},
		{"?member=a%20b", `member "a b" is not allowed as a name: want 1 to 63 of A-Z a-z 0-9 . _ : -`},
		{"?member=a&member=b", "query parameter member stands 2 times: want it once"},
		{"?id=a", `unknown query parameter "id": want member`},
	} {
		if p := c.do(t, "POST", "/v1/pools/www./probe"+test.query, "").problem(t, 400); p.Detail != test.want {
			t.Errorf("%s: %s", test.query, p.Detail)
		}
	}
	f.wantMade(t)

	// what the backend says
	for _, test := range []struct {
		err    error
		status int
		warned bool
	}{
		{NewProblem(http.StatusNotFound, "there is no pool www."), 404, false}, {NewProblem(http.StatusConflict, "another call"), 409, false},
		{NewProblem(http.StatusBadRequest, "1001 members"), 400, false}, {errors.New("broken"), 500, true},
	} {
		f.fail = test.err
		c.do(t, "POST", "/v1/pools/www./probe", "").problem(t, test.status)
		if warned := len(w.take()) > 0; warned != test.warned {
			t.Errorf("%v: warned: %v", test.err, warned)
		}
	}
}

// TestProbeLists wants arrays where there is nothing.
func TestProbeLists(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, &fake{name: "www."}))
	r := c.do(t, "POST", "/v1/pools/www./probe", "")
	if want := `{"pool":"www.","passed":false,"probes":[{"member":"a","family":"","address":"","check":"","result":"fail","took_seconds":0,"steps":[]}]}` + "\n"; r.body != want {
		t.Errorf("got %s, want %s", r.body, want)
	}
}
