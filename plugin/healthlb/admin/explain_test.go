package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"example.org/healthlb/api"
)

func TestExplainQuery(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	prefix := netip.MustParsePrefix
	for _, test := range []struct {
		query string
		want  ExplainQuery
	}{
		{"name=www.lb.example&client=192.0.2.1", ExplainQuery{Name: "www.lb.example.", Client: prefix("192.0.2.1/32"), Type: "A"}},
		{"client=192.0.2.0/24&name=WWW.lb.Example.&type=aaaa", ExplainQuery{Name: "www.lb.example.", Client: prefix("192.0.2.0/24"), Type: "AAAA"}},
		{"name=*.lb.example&client=192.0.2.0%2F24&type=a", ExplainQuery{Name: "*.lb.example.", Client: prefix("192.0.2.0/24"), Type: "A"}},
		{"name=%2a.lb.example&client=::/0&type=Aaaa", ExplainQuery{Name: "*.lb.example.", Client: prefix("::/0"), Type: "AAAA"}},
		{"name=x_1-y.lb&client=2001:DB8::1&type=A", ExplainQuery{Name: "x_1-y.lb.", Client: prefix("2001:db8::1/128"), Type: "A"}},
		{"name=a&client=2001%3Adb8%3A%3A/56&without=2001:db8::1&region=eu-west.1_a:b",
			ExplainQuery{Name: "a.", Client: prefix("2001:db8::/56"), Type: "A", Without: "2001:db8::1", Region: "eu-west.1_a:b"}},
		{"name=" + strings.Repeat("a.", 127) + "&client=192.0.2.1",
			ExplainQuery{Name: strings.Repeat("a.", 127), Client: prefix("192.0.2.1/32"), Type: "A"}},
		{"name=.&client=0.0.0.0/0&without=A", ExplainQuery{Name: ".", Client: prefix("0.0.0.0/0"), Type: "A", Without: "A"}},
	} {
		t.Run(test.query, func(t *testing.T) {
			f.asked = nil
			c.do(t, "GET", "/v1/explain?"+test.query, "").want(t, 200)
			c.do(t, "HEAD", "/v1/explain?"+test.query, "").want(t, 200)
			if len(f.asked) != 2 || f.asked[0] != test.want || f.asked[1] != test.want {
				t.Errorf("the backend is asked %+v, want %+v", f.asked, test.want)
			}
		})
	}
}

func TestBadExplainQueries(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	const known, word = "want name or client or type or without or region", " is not allowed as a name: want 1 to 63 of A-Z a-z 0-9 . _ : -"
	good := "name=www&client=192.0.2.1"
	for _, test := range []struct{ query, want string }{
		{"", "query parameter name is missing: want the domain name that is asked for"},
		{"client=192.0.2.1", "query parameter name is missing"}, {"name=&client=192.0.2.1", "query parameter name is missing"},
		{"name=www", "query parameter client is missing: want the address or network that asks"}, {"name=www&client=", "query parameter client is missing"},
		{"name=a..b&client=192.0.2.1", `name "a..b" is no domain name such as www.lb.example.org: want letters, digits, - and _`},
		{"name=a+b&client=192.0.2.1", `name "a b" is no domain name`}, {"name=a%2Bb&client=192.0.2.1", `name "a+b" is no domain name`},
		{"name=a%5C.b&client=192.0.2.1", `name "a\\.b" is no domain name`}, {"name=%5C065&client=192.0.2.1", `name "\\065" is no domain name`},
		{"name=%c3%a9&client=192.0.2.1", `name "é" is no domain name`}, {"name=%ff&client=192.0.2.1", `name "\xff" is no domain name`},
		{"name=.www&client=192.0.2.1", `name ".www" is no domain name`}, {"name=a%00b&client=192.0.2.1", `name "a\x00b" is no domain name`},
		{"name=" + strings.Repeat("a", 64) + "&client=192.0.2.1", "name \"aaa"},
		{"name=" + strings.Repeat("a.", 128) + "&client=192.0.2.1", `name "a.a.`},
		{"name=" + strings.Repeat("a.", 200) + "&client=192.0.2.1", `name "a.a.`},
		{"name=www&client=192.0.2.7/24", "client: 192.0.2.7/24 has host bits: write 192.0.2.0/24"},
		{"name=www&client=2001:db8::1/56", "client: 2001:db8::1/56 has host bits: write 2001:db8::/56"},
		{"name=www&client=192.0.2", `client: "192.0.2" is neither an IP address nor a network`},
		{"name=www&client=192.0.2.0/33", `client: "192.0.2.0/33" is no network`}, {"name=www&client=192.0.2.0/", `client: "192.0.2.0/" is no network`},
		{"name=www&client=192.0.2.1:53", `client: "192.0.2.1:53" is neither`}, {"name=www&client=client.example", `client: "client.example" is neither`},
		{"name=www&client=::ffff:192.0.2.1", "client: ::ffff:192.0.2.1 is an IPv4-mapped IPv6 address: write 192.0.2.1"},
		{"name=www&client=::ffff:192.0.2.0/120", "client: ::ffff:192.0.2.0/120 is an IPv4-mapped IPv6 network: write 192.0.2.0/24"},
		{"name=www&client=fe80::1%25eth0", "client: fe80::1%eth0 has a zone: write fe80::1"},
		{good + "&type=MX", `type "MX" is not answered from pools: want A or AAAA`}, {good + "&type=", `type "" is not answered`},
		{good + "&type=1", `type "1" is not answered`}, {good + "&type=any", `type "any" is not answered`},
		{good + "&without=a+b", `without "a b"` + word}, {good + "&without=", `without ""` + word},
		{good + "&region=a/b", `region "a/b"` + word}, {good + "&region=", `region ""` + word},
		{good + "&region=" + strings.Repeat("x", 64), `region "xxx`},
		{good + "&x=y", `unknown query parameter "x": ` + known}, {good + "&Type=A", `unknown query parameter "Type": ` + known},
		{good + "&name=www", "query parameter name stands 2 times: want it once"}, {good + "&%zz", "the query cannot be read"},
		{good + ";type=A", "the query cannot be read"},
	} {
		t.Run(test.query, func(t *testing.T) {
			p := c.do(t, "GET", "/v1/explain?"+test.query, "").problem(t, 400)
			if !strings.HasPrefix(p.Detail, test.want) {
				t.Errorf("%q, want %q", p.Detail, test.want)
			}
		})
	}
	for _, method := range []string{"PUT", "POST", "DELETE", "PATCH"} {
		r := c.do(t, method, "/v1/explain?"+good, "")
		if r.want(t, 405); r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: Allow %q", method, r.Header.Get("Allow"))
		}
	}
	for _, path := range []string{"/v1/explain/", "/v1/explain/www", "/v1/Explain", "/v1//explain"} {
		c.do(t, "GET", path+"?"+good, "").want(t, 404)
	}
	if len(f.asked) > 0 {
		t.Errorf("the backend is asked %+v", f.asked)
	}
}

func TestExplanation(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	const path = "/v1/explain?name=www&client=192.0.2.1"
	r := c.do(t, "GET", path, "")
	const empty = `{"name":"","pool":"","type":"","client":"","policy":"","all_down":false,"eligible":0,"min_up":0,` +
		`"answer":{"rcode":"","ttl":0,"addresses":[],"ecs_scope":0},"draws":0,"members":[]}` + "\n"
	if r.body != empty || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s, want %s", r.body, empty)
	}

	f.explanation = api.Explanation{
		Name: "a.lb.", Pool: "*.lb.", Type: "AAAA", Client: "2001:db8::/56", Region: "eu", Without: "b", Policy: "weighted", AllDown: true,
		EligibleCount: 1, MinUp: 2, Answer: api.ExplainAnswer{RCode: "NOERROR", TTL: 5, Addresses: []string{"2001:db8::1"}, Scope: 56}, Draws: 1000,
		Members: []api.ExplainMember{{ID: "a", Address: "2001:db8::1", In: true, Stage: "answer", Why: "it is up", Share: 0.5}, {ID: "b", Stage: "health"}},
	}
	r = c.do(t, "GET", path, "")
	const full = `{"name":"a.lb.","pool":"*.lb.","type":"AAAA","client":"2001:db8::/56","region":"eu","without":"b","policy":"weighted",` +
		`"all_down":true,"eligible":1,"min_up":2,"answer":{"rcode":"NOERROR","ttl":5,"addresses":["2001:db8::1"],"ecs_scope":56},"draws":1000,` +
		`"members":[{"id":"a","address":"2001:db8::1","in":true,"stage":"answer","why":"it is up","share":0.5},` +
		`{"id":"b","address":"","in":false,"stage":"health","why":"","share":0}]}` + "\n"
	var got api.Explanation
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.body != full || !reflect.DeepEqual(got, f.explanation) {
		t.Errorf("%v: got %s, want %s", err, r.body, full)
	}
}

func TestExplainErrorsOfTheBackend(t *testing.T) {
	var w warnings
	f := new(fake)
	c := clientOf(t, serve(t, Settings{Warn: w.add}, f))
	for _, test := range []struct {
		err    error
		status int
		want   string
		warned bool
	}{
		{NewProblem(http.StatusNotFound, "there is no pool for %s", "www."), 404, "there is no pool for www.", false},
		{errors.New("secret"), 500, "this could not be done, for a reason that is in healthlb's log", true},
	} {
		f.fail = test.err
		p := c.do(t, "GET", "/v1/explain?name=www&client=192.0.2.1", "").problem(t, test.status)
		if warned := len(w.take()) > 0; p.Detail != test.want || warned != test.warned {
			t.Errorf("%v: %+v, warned: %v", test.err, p, warned)
		}
	}
}

func FuzzExplainQuery(f *testing.F) {
	for _, seed := range []string{
		"name=www.lb.example&client=192.0.2.1", "name=*.LB.&client=2001:db8::/56&type=aaaa&without=a&region=b", "name=a&client=192.0.2.7/24",
		"name=&client=", "", "name=a&name=b", "%zz", "name=a%5C.b&client=::ffff:192.0.2.1", "name=.&client=::/0", "name=a&client=fe80::1%25x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		parse := func(raw string) (ExplainQuery, error) {
			return parseExplain(&http.Request{URL: &url.URL{RawQuery: raw}})
		}
		q, err := parse(raw)
		if err != nil {
			var p *Problem
			if !errors.As(err, &p) || p.Status != 400 || p.Detail == "" || q != (ExplainQuery{}) {
				t.Fatalf("%q: %+v with error %v", raw, q, err)
			}
			return
		}
		if !strings.HasSuffix(q.Name, ".") || q.Name != strings.ToLower(q.Name) || strings.ContainsAny(q.Name, "\\ \"") || len(q.Name) > 254 ||
			!q.Client.IsValid() || q.Client != q.Client.Masked() || q.Type != "A" && q.Type != "AAAA" || len(q.Without) > 63 || len(q.Region) > 63 {
			t.Fatalf("%q is taken as %+v", raw, q)
		}
		values := url.Values{"name": {q.Name}, "client": {q.Client.String()}, "type": {q.Type}}
		if q.Without != "" {
			values.Set("without", q.Without)
		}
		if q.Region != "" {
			values.Set("region", q.Region)
		}
		if again, err := parse(values.Encode()); err != nil || again != q {
			t.Fatalf("%q is taken as %+v, and that as %+v, %v", raw, q, again, err)
		}
	})
}
