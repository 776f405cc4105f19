package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.org/healthlb/api"
)

func TestBadBodies(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	const (
		member   = "PUT /v1/pools/www./members/a"
		register = "POST /v1/pools/www./registrations"
		drain    = "PUT /v1/pools/www./members/a/drain"
		pool     = "PUT /v1/pools/www."
		rollout  = "PUT /v1/pools/www./rollout"
		report   = "POST /v1/pools/www./rollout/report"
	)
	const fields = "addresses, weight, priority, region, port, probe_addresses"
	with := func(more string) string { return `{"addresses":["192.0.2.1"],` + more + `}` }
	for _, test := range []struct{ call, body, want string }{
		{member, ``, "body: the body is empty: want an object with " + fields},
		{member, `[]`, "body: the JSON is an array: want an object with " + fields}, {member, `"x"`, "body: the JSON is a string: want"},
		{member, `{`, "body: bad JSON: unexpected end of JSON input"}, {member, `{"addresses":["192.0.2.1"]} x`, "body: bad JSON: invalid character 'x' after"},
		{member, "{\"region\":\"\xff\"}", "body: the JSON is not UTF-8"}, {member, `{"addresses":["192.0.2.1"],}`, "body: bad JSON"},
		{member, with(`"wait":1`), `body: unknown field "wait": want ` + fields}, {member, with(`"Weight":1`), `body: unknown field "Weight": want weight`},
		{member, with(`"weight":1,"weight":1`), "body: weight is said twice: want it once"},
		{member, with(`"weight":1,"\u0077eight":2`), "body: weight is said twice: want it once"},
		{member, with(`"weight":null`), "body: weight is null: want a value, or leave the field out"},
		{member, `{}`, "body: addresses is missing"}, {member, `{"addresses":[]}`, "body.addresses: want at least 1"},
		{member, `{"addresses":["192.0.2.1","2001:db8::1","192.0.2.2"]}`, "body.addresses: want at most 2"},
		{member, `{"addresses":"192.0.2.1"}`, "body.addresses: want an array"}, {member, `{"addresses":[null]}`, "body.addresses[0]: want a string"},
		{member, `{"addresses":["192.0.2.1",7]}`, "body.addresses[1]: want a string"},
		{member, with(`"weight":-1`), "body.weight: want at least 0"}, {member, with(`"weight":65536`), "body.weight: want at most 65535"},
		{member, with(`"weight":1.5`), "body.weight: want a whole number"}, {member, with(`"weight":"1"`), "body.weight: want a whole number"},
		{member, with(`"weight":1e2`), "body: weight is number 1e2: want a whole number in plain digits"},
		{member, with(`"priority":0`), "body.priority: want at least 1"}, {member, with(`"port":70000`), "body.port: want at most 65535"},
		{member, with(`"priority":0,"port":0,"weight":-1`), "body.port: want at least 1; body.priority: want at least 1; body.weight: want at least 0"},
		{member, `{"addresses":[1,2,3,4,5,6,7]}`, "body.addresses: want at most 2; body.addresses[0]: want a string; body.addresses[1]: want a string; " +
			"body.addresses[2]: want a string; body.addresses[3]: want a string; and more"},
		{member, with(`"region":"a b"`), `body.region: region "a b" is not allowed as a name: want 1 to 63 of`},
		{member, `{"addresses":["www"]}`, `body.addresses: "www" is no IP address: want one like 192.0.2.10`},
		{member, `{"addresses":["192.0.2.1/32"]}`, `body.addresses: "192.0.2.1/32" is no IP address`}, {member, `{"addresses":[""]}`, `body.addresses: "" is no IP`},
		{member, `{"addresses":["fe80::1%eth0"]}`, "body.addresses: fe80::1%eth0 has a zone"},
		{member, `{"addresses":["::ffff:192.0.2.1"]}`, "body.addresses: ::ffff:192.0.2.1 is an IPv4-mapped IPv6 address: write 192.0.2.1"},
		{member, `{"addresses":["0.0.0.0"]}`, "body.addresses: 0.0.0.0 is no address that a server can have"},
		{member, `{"addresses":["ff02::1"]}`, "body.addresses: ff02::1 is no address"}, {member, `{"addresses":["255.255.255.255"]}`, "body.addresses: 255."},
		{member, `{"addresses":["192.0.2.1","192.0.2.2"]}`, "body.addresses: 192.0.2.1 and 192.0.2.2 are of one family: want at most one IPv4 and one IPv6"},
		{member, `{"addresses":["::1","::1"]}`, "body.addresses: ::1 and ::1 are of one family"},
		{member, with(`"probe_addresses":["10.0.0.1","10.0.0.2"]`), "body.probe_addresses: 10.0.0.1 and 10.0.0.2 are of one family"},
		{register, with(`"id":"a/b"`), `body.id: member "a/b" is not allowed as a name`}, {register, with(`"ttl":"30"`), `body.ttl: "30" is no duration: want a number with a unit`},
		{register, with(`"ttl":"999ms"`), "body.ttl: 999ms is out of range: want 1s to 24h"}, {register, with(`"ttl":"24h1s"`), "body.ttl: 24h1s is out of range"},
		{register, with(`"ttl":"-5s"`), "body.ttl: -5s is out of range"}, {register, with(`"ttl":30`), "body.ttl: want a string"},
		{register, `{"id":"a"}`, "body: addresses is missing"}, {register, with(`"secret":"x"`), `body: unknown field "secret": want `},
		{register, `{"addresses":["192.0.2.1"],"MemberSpec":{}}`, `body: unknown field "MemberSpec"`},
		{drain, `{"owner":"a b"}`, `body.owner: "a b" is not allowed: want one word`}, {drain, `{"owner":"a\u202eb"}`, `body.owner: "a\u202eb" is not allowed`},
		{drain, `{"owner":"` + strings.Repeat("x", 65) + `"}`, "body.owner: want at most 64 characters"},
		{drain, `{"owner":"` + strings.Repeat("é", 33) + `"}`, "body.owner: 66 bytes: want at most 64"},
		{drain, `{"reason":"` + strings.Repeat("x", 257) + `"}`, "body.reason: want at most 256 characters"},
		{drain, `{"reason":"` + strings.Repeat("é", 129) + `"}`, "body.reason: 258 bytes: want at most 256"},
		{drain, `{"reason":"a\nb"}`, `body.reason: "a\nb" has an unprintable character`}, {drain, `{"lead":1}`, "body.lead: want true or false"},
		{drain, `null`, "body: the JSON is null: want an object with lead, owner, reason"}, {drain, `{"Lead":true}`, `body: unknown field "Lead": want lead`},
		{pool, `{}`, "body: lines is missing"}, {pool, `{"lines":null}`, "body: lines is null"}, {pool, `{"lines":["a\nb"]}`, `body.lines[0]: "a\nb" has a newline`},
		{pool, `{"lines":["a","b\u0000"]}`, `body.lines[1]: "b\x00" has a newline or another unprintable`}, {pool, `{"lines":["\r"]}`, `body.lines[0]: "\r" has`},
		{pool, `{"lines":["` + strings.Repeat("x", maxLine+1) + `"]}`, "body.lines[0]: 4097 bytes: want at most 4096"},
		{pool, `{"lines":[` + strings.Repeat(`"",`, maxLines) + `""]}`, "body.lines: 201 lines: want at most 200"},
		{rollout, `{"timeout":"0s"}`, "body.timeout: 0s is out of range: want 1s to 24h"}, {rollout, `{"timeout":"soon"}`, `body.timeout: "soon" is no duration`},
		{rollout, `{"parallel":-1}`, "body.parallel: want at least 0"}, {rollout, `{"canary":99999999999999999999}`, "body: canary is number 99999999999999999999: want"},
		{rollout, `{"region":"é"}`, `body.region: region "é"`}, {rollout, `{"owner":"a\tb"}`, `body.owner: "a\tb"`}, {rollout, `{"command":"\u001b"}`, "body.command: it has an unprintable"},
		{rollout, `{"command":"` + strings.Repeat("x", 4097) + `"}`, "body.command: want at most 4096 characters"},
		{report, `{}`, "body: rollout is missing"}, {report, `{"rollout":""}`, "body.rollout: it is empty: want the id"}, {report, `{"rollout":"a b"}`, "body.rollout: "},
		{report, `{"rollout":"7","result":"done"}`, "body.member: it is missing: want the member that the result is of"},
		{report, `{"rollout":"7","error":"x"}`, "body.member: it is missing"}, {report, `{"rollout":"7","member":"a"}`, "body.result: it is missing: want started"},
		{report, `{"rollout":"7","member":"a","result":"ok"}`, "body.result: want one of started, done, failed"},
		{report, `{"rollout":"7","member":"a b","result":"done"}`, `body.member: member "a b" is not allowed as a name`},
	} {
		t.Run(test.call+" "+test.body[:min(len(test.body), 60)], func(t *testing.T) {
			method, path, _ := strings.Cut(test.call, " ")
			if test.body == "" {
				c.do(t, method, path, "").problem(t, 415)
			}
			p := c.do(t, method, path, test.body, isJSON).problem(t, 400)
			if !strings.HasPrefix(p.Detail, test.want) {
				t.Errorf("%q, want %q", p.Detail, test.want)
			}
			f.wantMade(t)
		})
	}
}

func TestLargestBodies(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	member := `{"addresses":["192.0.2.1"]}`
	full := `{"lines":["` + strings.Repeat(strings.Repeat("x", maxLine)+`","`, maxLines-1) + `"]}`
	for _, test := range []struct {
		call, body string
		most       int64
	}{
		{"PUT /v1/pools/www./members/a", member, specBody.most}, {"POST /v1/pools/www./registrations", member, specBody.most},
		{"PUT /v1/pools/www./members/a/drain", "{}", maySpec.most}, {"PUT /v1/pools/www./rollout", "{}", specBody.most},
		{"POST /v1/pools/www./rollout/report", `{"rollout":"7"}`, specBody.most}, {"PUT /v1/pools/www.", full, poolBody.most},
	} {
		method, path, _ := strings.Cut(test.call, " ")
		body := test.body + strings.Repeat(" ", int(test.most)-len(test.body))
		if r := c.do(t, method, path, body, isJSON); r.StatusCode >= 300 {
			t.Errorf("%s: %s", test.call, r.body)
		}
		p := c.do(t, method, path, body+" ", isJSON).problem(t, 413)
		if want := fmt.Sprintf("the body is too large: want at most %d bytes", test.most); p.Detail != want {
			t.Error(p.Detail)
		}
	}
	c.do(t, "PUT", "/v1/pools/www./members/a/drain", strings.Repeat(" ", 20<<10)).problem(t, 413)
}

// TestHumaStaysInside checks that what huma would answer by itself is not to be had.
func TestHumaStaysInside(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	for _, path := range []string{"/docs", "/schemas", "/schemas/Pool.json", "/openapi.yaml", "/openapi-3.0.json", "/openapi"} {
		c.do(t, "GET", path, "").problem(t, 404)
	}
	for _, accept := range []string{"application/problem+json", "application/cbor", "text/html", "application/json;q=0", "*/*;q=0.1, application/problem+json", ";;"} {
		r := c.do(t, "GET", "/v1/pools", "", "Accept: "+accept)
		if r.want(t, 200); r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", accept, r.Header)
		}
		c.do(t, "PUT", "/v1/pools/www./members/a", "{}", isJSON, "Accept: "+accept).problem(t, 400)
	}
	c.do(t, "PUT", "/v1/pools/www./members/a", `{"addresses":["192.0.2.1"]}`, "Content-Type: Application/JSON ; charset=UTF-8").want(t, 200)
}

func FuzzStrictBody(f *testing.F) {
	for _, seed := range []string{
		`{"addresses":["192.0.2.1"],"weight":1,"id":"a","ttl":"30s"}`, `{"addresses":["192.0.2.1"],"Weight":1}`, `{"weight":1,"weight":2}`, `{"weight":null}`,
		`{"weight":1e2}`, `{"weight":1e999}`, `{}`, `[]`, `null`, ``, `{"id":"\ud800"}`, `{"\u0069d":"a","id":"b"}`, "{\"id\":\"\xff\"}", `{"id":"a"} {`, `{"id":{"id":{}}}`,
		strings.Repeat(`{"id":`, 100), `{"addresses":[[[[[[`, `{"id":"a",}`, "\ufeff{}",
	} {
		f.Add([]byte(seed))
	}
	known := fieldNames(reflect.TypeFor[api.RegistrationSpec]())
	f.Fuzz(func(t *testing.T, data []byte) {
		err := checkObject(data, known)
		var fields map[string]json.RawMessage
		theirs := json.Unmarshal(data, &fields)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		// What is let pass encoding/json reads in the same way: each name is known, and there is no other way to understand it.
		if theirs != nil || fields == nil {
			t.Fatalf("%q: encoding/json says %v", data, theirs)
		}
		for name, value := range fields {
			if !slices.Contains(known, name) || string(value) == "null" {
				t.Fatalf("%q has %q: %s", data, name, value)
			}
		}
		if n := members(data); n != len(fields) {
			t.Fatalf("%q has %d fields, of which %d are different", data, n, len(fields))
		}
		var spec api.RegistrationSpec
		if err := unmarshal(data, &spec); err != nil {
			return
		}
		if err := errors.Join(checkMember(spec.MemberSpec), optional("body.id", "member", spec.ID), checkSpan("body.ttl", spec.TTL)); err != nil {
			var p *Problem
			if !errors.As(err, &p) || p.Status != http.StatusBadRequest {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		if len(spec.Addresses) > 2 || len(spec.ID) > 63 || strings.ContainsAny(spec.ID+spec.Region, " \n\x00") {
			t.Fatalf("%q is taken as %+v", data, spec)
		}
	})
}

// members counts the fields of an object, repeated ones too.
func members(data []byte) (n int) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	depth, names := 0, 0
	for {
		token, err := dec.Token()
		if err != nil {
			return names / 2
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			depth--
		}
		if depth == 1 { // a name, or a value that begins
			names++
		}
		if token == json.Delim('{') || token == json.Delim('[') {
			depth++
		}
	}
}
