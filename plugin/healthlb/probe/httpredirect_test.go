package probe

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

func port(a netip.AddrPort) string { return ":" + strconv.Itoa(int(a.Port())) }

// maze answers every path of the form /STATUS/LOCATION with that redirect, and /end/ with what it was asked.
func maze(w http.ResponseWriter, r *http.Request) {
	code, location, _ := strings.Cut(r.RequestURI[1:], "/")
	status, err := strconv.Atoi(code)
	if err != nil {
		fmt.Fprintf(w, "%s %s%s secret %q", r.Method, r.Host, r.RequestURI, r.Header.Get("X-Token"))
		return
	}
	if location != "" {
		w.Header()["Location"] = []string{location}
	}
	w.WriteHeader(status)
}

func TestHTTPRedirects(t *testing.T) {
	ca := newAuthority(t)
	later := time.Now().Add(30 * time.Minute)
	plain := site(t, maze)
	secure := secureSite(t, ca.issue(later, right), maze)
	elsewhere := secureSite(t, ca.issue(later.Add(-time.Minute), wrong), maze)
	nobody := unused(t, "127.0.0.1:0")
	verified := TLSOptions{ServerName: right, CAFile: ca.file}
	token := []HeaderField{{"X-Token", "sesame"}}

	follow := func(n int, path, body string) HTTPOptions {
		return HTTPOptions{Host: "first.example.org", Path: path, Body: []byte(body), Follow: n}
	}
	for _, tt := range []struct {
		name    string
		opts    HTTPOptions
		outcome health.Outcome
		reason  string
	}{
		{"none is followed unless said so", HTTPOptions{Path: "/301//end/"}, health.Fail,
			`status 301 redirects to "/end/", which is not followed \(add follow N\)`},
		{"301", follow(1, "/301//end/", "GET first.example.org/end/"), health.Pass, ""},
		{"302", follow(1, "/302//end/", "GET first.example.org/end/"), health.Pass, ""},
		{"303", follow(1, "/303//end/", "GET first.example.org/end/"), health.Pass, ""},
		{"307", follow(1, "/307//end/", "GET first.example.org/end/"), health.Pass, ""},
		{"308", follow(1, "/308//end/", "GET first.example.org/end/"), health.Pass, ""},
		{"304 is none", follow(1, "/304//end/", ""), health.Fail, "status 304 Not Modified"},
		{"300 is none", follow(1, "/300//end/", ""), health.Fail, "status 300 Multiple Choices"},
		{"one that passes is not followed", HTTPOptions{Path: "/301//end/", Status: statuses(301), Follow: 1}, health.Pass, ""},
		{"a relative path", follow(1, "/302/end/a?b", ""), health.Fail, // it is relative to /302/end/
			`after a redirect to "end/a\?b": status 302 redirects to "end/end/a\?b", which is .*`},
		{"another host", follow(1, "/302/http://Second.Example.org.:PLAIN/end/", "GET second.example.org:PLAIN/end/"), health.Pass, ""},
		{"an address", follow(1, "/302/http://[2001:db8::1]:PLAIN/end/", "GET [2001:db8::1]:PLAIN/end/"), health.Pass, ""},
		{"a host without path", follow(1, "/302/http://second.example.org:PLAIN", "GET second.example.org:PLAIN/ "), health.Pass, ""},
		{"two", follow(2, "/302//302//end/", "GET first.example.org/end/"), health.Pass, ""},
		{"one too many", follow(1, "/302//302//end/", ""), health.Fail,
			`after a redirect to "/302//end/": status 302 redirects to "/end/", which is one more than follow 1 allows`},
		{"a loop", HTTPOptions{Path: "/loop", Follow: 10}, health.Fail,
			`after a redirect to "/loop": status 302 redirects to "/loop", which is one more than follow 10 allows`},
		{"no Location", follow(1, "/302/", ""), health.Fail, "status 302 Found without a Location"},
		{"another scheme", follow(1, "/302/ftp://x/", ""), health.Fail, `status 302 redirects to "ftp://x/": which is neither http nor https`},
		{"a scheme and no host", follow(1, "/302/http:/x", ""), health.Fail, `status 302 redirects to "http:/x": whose host is no name and no address`},
		{"a host that is none", follow(1, "/302/http://a_%C3%BC/", ""), health.Fail,
			`status 302 redirects to "http://a_%C3%BC/": whose host is no name and no address`},
		{"a port that is none", follow(1, "/302/http://a:0/", ""), health.Fail, `status 302 redirects to "http://a:0/": whose port is none`},
		{"a port that is too large", follow(1, "/302/http://a:65536/", ""), health.Fail,
			`status 302 redirects to "http://a:65536/": whose port is none`},
		{"no URL", follow(1, "/302/http://[/", ""), health.Fail, `status 302 redirects to "http://\[/": which is no URL`},
		{"to where nobody listens", follow(1, "/302/http://x"+port(nobody)+"/", ""), health.Fail,
			`after a redirect to "http://x:\d+/": connection refused`},
		{"POST becomes GET", HTTPOptions{Method: "POST", Path: "/302//end/", Body: []byte("GET "), Follow: 1}, health.Pass, ""},
		{"POST stays POST", HTTPOptions{Method: "POST", Path: "/307//end/", Body: []byte("POST "), Follow: 1}, health.Pass, ""},
		{"PUT becomes GET", HTTPOptions{Method: "PUT", Path: "/303//end/", Body: []byte("GET "), Follow: 1}, health.Pass, ""},
		{"PUT stays PUT", HTTPOptions{Method: "PUT", Path: "/301//end/", Body: []byte("PUT "), Follow: 1}, health.Pass, ""},
		{"HEAD stays HEAD", HTTPOptions{Method: "HEAD", Path: "/303//end/", Follow: 1}, health.Pass, ""},
		{"what lets in goes along", HTTPOptions{Path: "/302//end/", Header: token, Body: []byte(`secret "sesame"`), Follow: 1}, health.Pass, ""},
		{"to https, verified by the system's roots", follow(1, "/302/https://"+right+":SECURE/", ""), health.Fail,
			`after a redirect to "https://a.example.org:\d+/": certificate signed by an unknown authority`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.opts = inMaze(tt.opts, plain, secure)
			dst := plain
			if tt.opts.Path == "/loop" {
				dst = site(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
			}
			wantResult(t, mustHTTP(t, tt.opts), dst, enough, tt.outcome, tt.reason)
		})
	}

	for _, tt := range []struct {
		name    string
		secured TLSOptions
		opts    HTTPOptions
		outcome health.Outcome
		reason  string
	}{
		{"https to https", verified, HTTPOptions{Host: right, Path: "/302//end/", Follow: 1, Body: []byte(right + "/end/")}, health.Pass, ""},
		{"to the same host in full", verified, HTTPOptions{Host: right, Path: "/302/https://" + right + ":SECURE/end/", Follow: 1,
			Body: []byte(right + ":SECURE/end/")}, health.Pass, ""},
		{"the name to verify stays where the host does", verified, HTTPOptions{Host: "www.example.org",
			Path: "/302/https://WWW.example.org:SECURE/end/", Follow: 1, Body: []byte("www.example.org:SECURE/end/")}, health.Pass, ""},
		{"the name to verify is the new host's", verified, HTTPOptions{Host: right, Path: "/302/https://" + wrong + ":SECURE/end/", Follow: 1},
			health.Fail, `after a redirect to "https://b.example.org:\d+/end/": certificate is for a.example.org, not b.example.org`},
		{"a member with two certificates", verified, HTTPOptions{Host: right, Path: "/302/https://" + wrong + port(elsewhere) + "/end/", Follow: 1,
			Body: []byte("GET b.example.org")}, health.Pass, ""},
		{"an address to verify", verified, HTTPOptions{Host: right, Path: "/302/https://192.0.2.1:SECURE/end/", Follow: 1}, health.Fail,
			`after a redirect to "https://192.0.2.1:\d+/end/": certificate is for a.example.org, not 192.0.2.1`},
		{"insecure", TLSOptions{Insecure: true}, HTTPOptions{Path: "/302/https://" + wrong + ":SECURE/end/", Follow: 1}, health.Pass, ""},
		{"to http, without what lets in", verified, HTTPOptions{Path: "/302/http://" + right + ":PLAIN/end/", Header: token, Follow: 1,
			Body: []byte(`secret ""`)}, health.Pass, ""},
		{"to http and back, without what lets in", verified, HTTPOptions{
			Path: "/302/http://" + right + ":PLAIN/302/https://" + right + ":SECURE/end/", Header: token, Follow: 2, Body: []byte(`secret ""`)},
			health.Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantResult(t, mustHTTPS(t, inMaze(tt.opts, plain, secure), tt.secured), secure, enough, tt.outcome, tt.reason)
		})
	}
}

// inMaze puts the ports of servers in the place of their names.
func inMaze(opts HTTPOptions, plain, secure netip.AddrPort) HTTPOptions {
	names := strings.NewReplacer(":PLAIN", port(plain), ":SECURE", port(secure))
	opts.Path, opts.Body = names.Replace(opts.Path), []byte(names.Replace(string(opts.Body)))
	return opts
}

// Of the certificates on the way the one that ends first is told of, and one that has run out fails the probe in the end.
func TestHTTPRedirectCertificates(t *testing.T) {
	ca := newAuthority(t)
	later, ago := time.Now().Add(30*time.Minute).Truncate(time.Second), time.Now().Add(-time.Minute).Truncate(time.Second)
	end := secureSite(t, ca.issue(later, wrong), maze)
	for _, tt := range []struct {
		name    string
		first   tls.Certificate
		outcome health.Outcome
		until   time.Time
	}{
		{"the first ends first", ca.issue(later.Add(-time.Minute), right), health.Pass, later.Add(-time.Minute)},
		{"the second ends first", ca.issue(later.Add(time.Minute), right), health.Pass, later},
		{"the first has ended", ca.issue(ago, right), health.Fail, ago},
	} {
		dst := secureSite(t, tt.first, maze)
		c := mustHTTPS(t, HTTPOptions{Path: "/302/https://" + wrong + port(end) + "/end/", Follow: 1}, TLSOptions{ServerName: right, CAFile: ca.file})
		got := c.Probe(t.Context(), Route{To: dst})
		if got.Outcome != tt.outcome || got.Excused != (tt.outcome == health.Fail) || !got.NotAfter.Equal(tt.until) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

func TestRedirectTargets(t *testing.T) {
	for location, want := range map[string]string{
		"/b":                                 "/b",
		"b":                                  "/dir/b",
		"?x":                                 "/dir/a?x",
		"":                                   "/dir/a?q",
		"#f":                                 "/dir/a?q",
		"../../..":                           "/",
		"./b/./c":                            "/dir/b/c",
		"/a b\u00fc":                         "/a%20b%C3%BC",
		"/?a b\u00fc\"":                      "/?a%20b%C3%BC\"",
		"http://x":                           "/",
		"http://x?y":                         "/?y",
		"//x/y":                              "/y",
		"http://u:p@x/y":                     "/y",
		"/..//y":                             "/y",
		"/" + strings.Repeat("x", maxTarget): "",
		"/%zz":                               "",
		"/a\r\nX: y":                         "",
		"\x7f":                               "",
	} {
		q, err := httpRequest{port: 80, host: "h", method: "GET", target: "/dir/a?q"}.redirect(302, location)
		if (err != nil) != (want == "") || err == nil && q.target != want {
			t.Errorf("%.40q: target %.40q, %v, want %q", location, q.target, err, want)
		}
	}
}
