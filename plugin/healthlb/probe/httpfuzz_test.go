package probe

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"example.org/healthlb/plugin/healthlb/health"
)

// script is a member that says what was written for it: once, or again and again.
type script struct {
	text    []byte
	endless bool
	at      int
	read    int // bytes in all
}

func (s *script) Read(p []byte) (int, error) {
	if s.endless && s.at == len(s.text) {
		s.at = 0
	}
	if s.at == len(s.text) {
		return 0, io.EOF
	}
	n := copy(p, s.text[s.at:])
	s.at += n
	s.read += n
	return n, nil
}

func (s *script) Write(p []byte) (int, error) { return len(p), nil }

// FuzzHTTPResponse has checks read any answer. They read no more than they may, and end with a result that is fit for a log.
func FuzzHTTPResponse(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\n\r\nlame",
		chunked + "2;a=b\r\nok\r\n0\r\nTrailer: x\r\n\r\n",
		http10("not o"),
		"HTTP/1.1 302 Found\r\nLocation: https://[::1]:8443/x?y#z\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"SSH-2.0-x\r\n",
		"\x15\x03\x01\x00\x02\x02\x46",
		"",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	checks := []Check{
		mustHTTP(f, HTTPOptions{}),
		mustHTTP(f, HTTPOptions{Method: "HEAD"}),
		mustHTTP(f, HTTPOptions{Body: []byte("ok"), Lame: []byte("lame")}),
		mustHTTP(f, HTTPOptions{Regexp: regexp.MustCompile(`o(k|\d)$`), Body: []byte("o"), Follow: 1}),
	}
	to := Route{To: netip.MustParseAddrPort("192.0.2.1:80")}
	f.Fuzz(func(t *testing.T, text []byte, endless bool) {
		for _, c := range checks {
			c := c.(*httpCheck)
			s := &script{text: text, endless: endless && len(text) > 0}
			v := httpVisit{attempt: begin(t.Context(), to), check: c}
			r, next := v.exchange(c.begin(to), s)
			if s.read > maxHead+maxRaw {
				t.Errorf("%s: read %d bytes", c.Name(), s.read)
			}
			if next != nil {
				if c.opts.Follow == 0 || next.redirects != 1 {
					t.Errorf("%s: followed to %+v", c.Name(), next)
				}
				continue
			}
			if (r.Outcome == health.Pass) != (r.Reason == "") || len(r.Reason) > maxReason+len("...") || strings.ContainsFunc(r.Reason, unprintable) {
				t.Errorf("%s: %v %q", c.Name(), r.Outcome, r.Reason)
			}
			if r.Outcome == health.Inconclusive || r.Outcome == health.LameDuck && len(c.opts.Lame) == 0 {
				t.Errorf("%s: %v %q", c.Name(), r.Outcome, r.Reason)
			}
		}
	})
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// FuzzHTTPRedirect follows any Location. What is asked then is one request as net/http understands it, and says no more than it should.
func FuzzHTTPRedirect(f *testing.F) {
	for _, location := range []string{"/x", "//x/y", "http://x:81?a b", "https://[::1%25eth0]/", "http://a\r\nX: y/", "?\u00fc", "http:x", "/%2e%2e/\x00"} {
		f.Add(location, "/a?b", 302)
	}
	check := mustHTTP(f, HTTPOptions{Host: "h"}).(*httpCheck)
	f.Fuzz(func(t *testing.T, location, target string, code int) {
		if !strings.HasPrefix(target, "/") { // the Corefile's path does, and so does every redirect's
			return
		}
		q, err := httpRequest{port: 80, host: "h", method: "POST", target: target}.redirect(code, location)
		if err != nil {
			return
		}
		sent := check.write(nil, q)
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(sent)))
		if err != nil {
			t.Fatalf("%q: %v", sent, err)
		}
		if !strings.HasPrefix(q.target, "/") {
			t.Errorf("%q leads to %q", location, q.target)
		}
		if r.Host != q.host || r.RequestURI != q.target || len(r.Header) > 4 || r.Method != q.method || q.port == 0 || q.redirects != 1 {
			t.Errorf("%q: %+v, as %+v", sent, q, r)
		}
		if q.secure && q.name == "" {
			t.Errorf("%q: no name to verify", location)
		}
	})
}
