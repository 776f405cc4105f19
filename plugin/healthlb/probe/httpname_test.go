package probe

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestHTTPName(t *testing.T) {
	ca := newAuthority(t)
	login := func(value string) HTTPOptions {
		return HTTPOptions{Host: "x.org", Header: []HeaderField{{"Authorization", value}}}
	}
	verified := TLSOptions{ServerName: right}
	var wide StatusSet
	wide.Add(200, 299)
	wide.Add(404, 404)
	for _, tt := range []struct {
		name  string
		check Check
		want  string
		keyed string // what the key has besides, as a regular expression
	}{
		{"nothing said", mustHTTP(t, HTTPOptions{}), "http", ""},
		{"defaults said", mustHTTP(t, HTTPOptions{Path: "/", Method: "GET", Host: "x.org"}), "http host x.org", ""},
		{"everything said", mustHTTP(t, HTTPOptions{Path: "/a?b", Host: "x.org:81", Method: "POST", Header: []HeaderField{{"A", "b"}, {"C", "d e"}},
			Status: wide, Body: []byte("ok\n"), Regexp: regexp.MustCompile(`"a b": \d`), Lame: []byte("bye"), Follow: 3}),
			`http path /a?b host x.org:81 method POST header A b header C "d e" status 200-299,404 body "ok\n" ` +
				`body_regexp "\"a b\": \d" lame "bye" follow 3`, ""},
		{"https", mustHTTPS(t, HTTPOptions{Host: "x.org"}, verified), "https host x.org sni a.example.org", ""},
		{"https with everything", mustHTTPS(t, HTTPOptions{Follow: 1}, TLSOptions{ServerName: right, CAFile: ca.file, Insecure: true, Expiry: 36 * time.Hour}),
			"https follow 1 sni a.example.org ca " + ca.file + " insecure expiry 36h", " files [0-9a-f]{32}"},
		{"what lets in is not shown", mustHTTP(t, login("Bearer sesame")), "http host x.org header Authorization (4db6ddbb)", " secrets [0-9a-f]{32}"},
		{"https likewise", mustHTTPS(t, login("Bearer sesame"), TLSOptions{ServerName: right, CAFile: ca.file}),
			"https host x.org header Authorization (4db6ddbb) sni a.example.org ca " + ca.file, " secrets [0-9a-f]{32} files [0-9a-f]{32}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.check.Name(); got != tt.want {
				t.Errorf("name %s\nwant %s", got, tt.want)
			}
			rest, ok := strings.CutPrefix(tt.check.Key(), tt.want)
			if !ok || !regexp.MustCompile("^"+tt.keyed+"$").MatchString(rest) {
				t.Errorf("key %s", tt.check.Key())
			}
		})
	}
	if a, b := mustHTTP(t, login("a")), mustHTTP(t, login("b")); a.Name() == b.Name() || a.Key() == b.Key() {
		t.Error("checks that log in differently are the same")
	}
	if c := mustHTTP(t, HTTPOptions{}); c.Kind() != "http" || c.Port() != 80 || c.(Expirer).Expiry() != 0 || c.(Reloader).ReloadError() != nil {
		t.Errorf("kind %s, port %d", c.Kind(), c.Port())
	}
	if c := mustHTTPS(t, HTTPOptions{}, TLSOptions{Insecure: true, Expiry: time.Hour}); c.Kind() != "https" || c.Port() != 443 ||
		c.(Expirer).Expiry() != time.Hour {
		t.Errorf("kind %s, port %d", c.Kind(), c.Port())
	}
}

func TestHTTPOptions(t *testing.T) {
	for name, made := range map[string]func() (Check, error){
		"HEAD with a word": func() (Check, error) { return NewHTTP(80, HTTPOptions{Method: "HEAD", Body: []byte("x")}) },
		"HEAD with an expression": func() (Check, error) {
			return NewHTTP(80, HTTPOptions{Method: "HEAD", Regexp: regexp.MustCompile("x")})
		},
		"HEAD with lame": func() (Check, error) {
			return NewHTTPS(443, HTTPOptions{Method: "HEAD", Lame: []byte("x")}, TLSOptions{Insecure: true})
		},
		"no name to verify": func() (Check, error) { return NewHTTPS(443, HTTPOptions{}, TLSOptions{}) },
		"no CA file": func() (Check, error) {
			return NewHTTPS(443, HTTPOptions{}, TLSOptions{ServerName: right, CAFile: "/nowhere"})
		},
	} {
		if c, err := made(); err == nil || c != nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestStatusSet(t *testing.T) {
	var s StatusSet
	if s.String() != "" || s.Len() != 0 || s.Has(200) {
		t.Errorf("empty: %s", s.String())
	}
	s.Add(404, 404)
	s.Add(200, 250)
	s.Add(251, 299)
	s.Add(MinStatus, MinStatus)
	s.Add(598, MaxStatus)
	if got, want := s.String(), "100,200-299,404,598-599"; got != want || s.Len() != 104 {
		t.Errorf("got %s with %d, want %s", got, s.Len(), want)
	}
	for _, code := range []int{-1 << 62, -1, 0, 99, 101, 199, 300, 403, 405, 597, 600, 611, 1 << 62} {
		if s.Has(code) {
			t.Errorf("has %d", code)
		}
	}
}

func TestCompileBody(t *testing.T) {
	for text, want := range map[string]string{
		"ok":                      "",
		strings.Repeat("x", 1000): "",
		strings.Repeat("x", 1001): "has 1001 bytes",
		"":                        "has 0 bytes",
		"(":                       "missing closing )",
		"x{1000}":                 "",
		"(xx){1000}":              "takes 4002 steps",
		"((x{30}){30}){2}":        "invalid repeat count",
		`\p{Greek}+`:              "",
	} {
		_, err := CompileBody(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %s", text, err, want)
		}
	}
}
