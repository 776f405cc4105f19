package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/api"
)

const secretToken = "secret-0123456789abcdef"

func TestServers(t *testing.T) {
	for _, test := range []struct {
		server, base, socket, host string
		loopback                   bool
	}{
		{"", "http://127.0.0.1:8053", "", "127.0.0.1", true},
		{"http://localhost:8053/", "http://localhost:8053", "", "localhost", true},
		{"https://lb.example.org:8053", "https://lb.example.org:8053", "", "lb.example.org", false},
		{"HTTPS://LB.example.org", "https://LB.example.org", "", "LB.example.org", false},
		{"http://[::1]:8053", "http://[::1]:8053", "", "::1", true},
		{"http://[::ffff:127.0.0.2]:8053", "http://[::ffff:127.0.0.2]:8053", "", "::ffff:127.0.0.2", true},
		{"http://[fe80::1%25eth0]:8053", "http://[fe80::1%25eth0]:8053", "", "fe80::1%eth0", false},
		{"http://192.0.2.1:8053", "http://192.0.2.1:8053", "", "192.0.2.1", false},
		{"unix:/run/healthlb.sock", "http://localhost", "/run/healthlb.sock", "", true},
		{"unix:here", "http://localhost", "here", "", true},
	} {
		s, err := parseServer(test.server)
		if err != nil || s.base != test.base || s.socket != test.socket || s.host != test.host || s.loopback() != test.loopback {
			t.Errorf("%q: %+v, loopback %v, %v", test.server, s, s.loopback(), err)
		}
	}
	for _, server := range []string{
		"127.0.0.1:8053", "localhost:8053", "lb.example.org", "ftp://lb.example.org", "http://", "http://:8053", "http:8053", "unix:", "unix:a\x00b",
		"http://lb.example.org/v1", "http://lb.example.org?x", "http://lb.example.org/#x", "http://lb.example.org:port", "http://[::1", " ", "\n",
		"http://me:" + secretToken + "@lb.example.org", "http://" + secretToken + "@lb.example.org:bad", "http://%zz", "http://lb.example.org?",
	} {
		_, err := New(Settings{Server: server})
		if err == nil || !strings.Contains(err.Error(), wantServer) || strings.Contains(err.Error(), secretToken) {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func FuzzServer(f *testing.F) {
	for _, s := range []string{"", "unix:/x", "http://127.0.0.1:8053", "https://[::1%25lo]:1/", "http://a@b", "http://[::%25\x86]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		to, err := parseServer(s)
		if err != nil {
			return
		}
		to.loopback()
		if _, err := http.NewRequest("GET", to.base+pathOf("pools"), nil); err != nil {
			t.Errorf("%q makes %q: %v", s, to.base, err)
		}
	})
}

func TestBadSettings(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty := file("empty", "")
	const https = "https://127.0.0.1:1"
	for _, test := range []struct {
		s    Settings
		want string
	}{
		{Settings{Token: "a", TokenFile: empty}, "both a token and a token file"},
		{Settings{Token: "secret token"}, "the token has a character that a header cannot carry"},
		{Settings{TokenFile: filepath.Join(dir, "none")}, filepath.Join(dir, "none") + ": no such file"},
		{Settings{TokenFile: dir}, "is a directory"},
		{Settings{TokenFile: empty}, "empty: no token in it: want one line, the token"},
		{Settings{TokenFile: file("two", "# two\nsecret-a\nsecret-b\n")}, "line 3: a word behind the token: want the token alone"},
		{Settings{TokenFile: file("role", "secret-a operate\n")}, "line 1: a word behind the token"},
		{Settings{TokenFile: file("bad", "\n secret\x01")}, "line 2: word 1 has a character"},
		{Settings{TokenFile: file("long", strings.Repeat(" ", maxTokenFile+1))}, "more than 65536 bytes"},
		{Settings{Timeout: -time.Second}, "timeout -1s is below 0"},
		{Settings{CAFile: empty}, "want https://HOST:PORT"},
		{Settings{CertFile: empty, KeyFile: empty}, "want https://HOST:PORT"},
		{Settings{Server: https, CertFile: empty}, "go together"},
		{Settings{Server: https, CertFile: empty, KeyFile: empty}, "certificate " + empty},
		{Settings{Server: https, CAFile: empty}, "no certificate in it"},
		{Settings{Server: https, CAFile: filepath.Join(dir, "none")}, "no such file"},
	} {
		_, err := New(test.s)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v, want %s", test.s, err, test.want)
		}
	}
}

func TestTokenFile(t *testing.T) {
	var got string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		_, _ = io.WriteString(w, "{}")
	})
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("\n# of web7\n  first-token== \t# a comment\n")
	c := clientOf(t, Settings{Server: server, TokenFile: path})
	for _, test := range []struct{ text, want string }{
		{"", "Bearer first-token=="}, {"other-token", "Bearer other-token"}, {"third-token", "Bearer third-token"},
		{"#", "Bearer third-token"}, // not there for a moment: the last one stays
		{"last.token", "Bearer last.token"},
	} {
		if test.text != "" {
			write(test.text)
		}
		if _, err := c.Pool(t.Context(), "www."); err != nil || got != test.want {
			t.Errorf("after %q: %q, want %q, %v", test.text, got, test.want, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pool(t.Context(), "www."); err != nil || got != "Bearer last.token" {
		t.Errorf("without the file: %q, %v", got, err)
	}
}

func FuzzToken(f *testing.F) {
	f.Add("# a\n token== # b\r\n")
	f.Add("a b")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := parseToken(text)
		if err == nil && (!bearer.MatchString(token) || !strings.Contains(text, token)) {
			t.Errorf("%q of %q", token, text)
		}
	})
}

func TestProblems(t *testing.T) {
	const problem = "application/problem+json"
	for _, test := range []struct {
		name         string
		status       int
		form, body   string
		title, want  string
		effect, says bool
	}{
		{"a problem", 409, problem, `{"type":"about:blank","title":"Conflict","status":409,"detail":"no, ` + secretToken + `",
			"effect":{"changed":true,"pools":[{"pool":"www.","refused":"1 of 2"}]}}`, "Conflict", "no, (the token)", true, true},
		{"a problem with a charset and extensions", 422, problem + "; charset=utf-8", `{"status":1,"detail":"x","errors":[{"location":"body"}]}`,
			"Unprocessable Entity", "x", false, true},
		{"a page", 502, "text/html", "<html>" + secretToken, "Bad Gateway", "without a reason: is this healthlb's admin endpoint?", false, false},
		{"a broken problem", 500, problem, "{", "Internal Server Error", "without a reason", false, false},
		{"nothing", 404, "", "", "Not Found", "without a reason", false, false},
		{"a redirect", 307, "text/html", "", "Temporary Redirect", "name the right server", false, false},
		{"not modified", 304, "", "", "Not Modified", "it sends the call elsewhere", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				w.Header().Set("Content-Type", test.form)
				w.Header().Set("Location", "/v1/pools/other.")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			c := clientOf(t, Settings{Server: server, Token: secretToken})
			_, err := c.Pool(t.Context(), "www.")
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%T %v", err, err)
			}
			if e.Status != test.status || e.Title != test.title || !strings.Contains(e.Detail, test.want) || (e.Effect != nil) != test.effect {
				t.Errorf("%+v", e)
			}
			if StatusOf(err) != test.status || !IsStatus(err, 1, test.status) || IsStatus(err, 1) {
				t.Errorf("status %d", StatusOf(err))
			}
			if text := err.Error(); !strings.Contains(text, server) || !strings.Contains(text, test.title) || strings.Contains(text, secretToken) {
				t.Error(text)
			}
			if calls != 1 {
				t.Errorf("%d calls", calls)
			}
		})
	}
	if IsStatus(nil) || IsStatus(errors.New("x"), 0) || StatusOf(nil) != 0 {
		t.Error("what is no Error has a status")
	}
}

func TestNoAnswer(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	hanging := serve(t, func(http.ResponseWriter, *http.Request) { <-hang })
	cutting := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	half := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "{")
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	socket := filepath.Join(t.TempDir(), "none")
	for _, test := range []struct {
		name   string
		s      Settings
		ctx    context.Context
		want   string
		target error
	}{
		{"hanging", Settings{Server: hanging, Timeout: 20 * time.Millisecond}, t.Context(), "not within 20ms", context.DeadlineExceeded},
		{"cut off", Settings{Server: cutting}, t.Context(), "EOF", io.EOF},
		{"half an answer", Settings{Server: half}, t.Context(), "unexpected EOF", io.ErrUnexpectedEOF},
		{"given up", Settings{Server: hanging}, ended, "context canceled", context.Canceled},
		{"no socket", Settings{Server: "unix:" + socket}, t.Context(), "no such file or directory", os.ErrNotExist},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.s.Token = secretToken
			_, err := clientOf(t, test.s).Pool(test.ctx, "www.")
			if err == nil || !errors.Is(err, test.target) || StatusOf(err) != 0 ||
				!strings.HasPrefix(err.Error(), "healthlb at "+test.s.Server+" does not answer: ") || !strings.HasSuffix(err.Error(), test.want) ||
				strings.Contains(err.Error(), secretToken) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestAnswersAreBounded(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/pools/refused.":
			w.WriteHeader(500)
		case "/v1/pools/text.":
			_, _ = io.WriteString(w, "this is not JSON")
			return
		}
		chunk := make([]byte, 1<<20)
		for range (maxList >> 20) + 1 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	c := clientOf(t, Settings{Server: server})
	for _, test := range []struct {
		name string
		do   func() error
		want string
	}{
		{"a list", func() error { _, _, err := c.Blocklist(t.Context()); return err }, "is longer than 67108864 bytes"},
		{"an answer", func() error { _, err := c.RenewRegistration(t.Context(), "www.", "a", ""); return err }, "is longer than 1048576 bytes"},
		{"an error", func() error { _, err := c.Pool(t.Context(), "refused."); return err }, "is longer than 1048576 bytes"},
		{"no JSON", func() error { _, err := c.Pool(t.Context(), "text."); return err }, "is this its admin endpoint?"},
	} {
		if err := test.do(); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), server) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
	t.Setenv("http_proxy", "http://192.0.2.1:1")
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"name":"`+r.Host+r.URL.Path+`"}`)
	})}}
	s.Start()
	defer s.Close()
	c := clientOf(t, Settings{Server: "unix:" + path})
	if p, err := c.Pool(t.Context(), "www."); err != nil || p.Name != "localhost/v1/pools/www." {
		t.Errorf("%v, %v", p, err)
	}
	if c.Server() != "unix:"+path {
		t.Error(c.Server())
	}
}

// TestWholeProblem sees to it that an Error can be told on as it came.
func TestWholeProblem(t *testing.T) {
	e := &Error{Problem: api.Problem{Status: 422, Title: "Unprocessable Entity", Detail: "refused"}, Server: "here"}
	if e.Error() != "healthlb at here: 422 Unprocessable Entity: refused" {
		t.Error(e)
	}
}
