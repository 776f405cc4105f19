package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// site serves by net/http.
func site(t testing.TB, handle http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// serves writes a status and a body.
func serves(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// asked reads a request up to the end of its header, answers with s, and waits for the other side to hang up.
func asked(s string) func(net.Conn) {
	return func(conn net.Conn) {
		readHeader(conn)
		says(s)(conn)
	}
}

// askedOnce does so and ends its side of the connection.
func askedOnce(s string) func(net.Conn) {
	return func(conn net.Conn) {
		readHeader(conn)
		closesAfter(s)(conn)
	}
}

// askedReset does so and resets the connection.
func askedReset(s string) func(net.Conn) {
	return func(conn net.Conn) {
		readHeader(conn)
		io.WriteString(conn, s)
		time.Sleep(brief / 5)
		conn.(*net.TCPConn).SetLinger(0)
	}
}

// readHeader reads up to an empty line, and returns what it read.
func readHeader(conn net.Conn) string {
	var got []byte
	var one [1]byte
	for !bytes.HasSuffix(got, []byte("\r\n\r\n")) {
		if _, err := conn.Read(one[:]); err != nil {
			break
		}
		got = append(got, one[0])
	}
	return string(got)
}

// drips writes s a byte at a time, slowly.
func drips(s string) func(net.Conn) {
	return func(conn net.Conn) {
		tick := time.NewTicker(brief / 10)
		defer tick.Stop()
		for i := range len(s) {
			<-tick.C
			if _, err := conn.Write([]byte{s[i]}); err != nil {
				return
			}
		}
		silent(conn)
	}
}

// streams writes s and then more for as long as someone reads.
func streams(s, more string) func(net.Conn) {
	return func(conn net.Conn) {
		io.WriteString(conn, s)
		endless([]byte(more))(conn)
	}
}

func mustHTTP(t testing.TB, opts HTTPOptions) Check {
	t.Helper()
	c, err := NewHTTP(80, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustHTTPS(t testing.TB, opts HTTPOptions, secured TLSOptions) Check {
	t.Helper()
	c, err := NewHTTPS(443, opts, secured)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func statuses(codes ...int) (set StatusSet) {
	for _, code := range codes {
		set.Add(code, code)
	}
	return set
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

// http10 is an answer that ends with its connection.
func http10(body string) string { return "HTTP/1.0 200 OK\r\nServer: old\r\n\r\n" + body }

// sized is an answer that says how long it is.
func sized(n int, body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(n) + "\r\n\r\n" + body
}

// wantEventually runs a check with more and more time, until the result is as it should be. How far a probe of a member that hangs gets is
// up to the machine.
func wantEventually(t *testing.T, c Check, dst netip.AddrPort, timeout time.Duration, outcome health.Outcome, reason string) {
	t.Helper()
	whole := regexp.MustCompile("^(?:" + reason + ")$")
	for ; timeout < enough; timeout *= 4 {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		got := c.Probe(ctx, Route{To: dst})
		cancel()
		if got.Outcome == outcome && whole.MatchString(got.Reason) {
			return
		}
	}
	wantResult(t, c, dst, enough, outcome, reason)
}

const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestHTTP(t *testing.T) {
	ok := HTTPOptions{Body: []byte("ok")}
	pattern := func(s string) HTTPOptions { return HTTPOptions{Regexp: regexp.MustCompile(s)} }
	lame := HTTPOptions{Lame: []byte("draining")}
	head := HTTPOptions{Method: "HEAD"}
	edge := strings.Repeat("x", bodyWithin-2)
	early := strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", maxInterim)
	const waited = `timeout after \d+ms `

	for _, tt := range []struct {
		name    string
		member  func(net.Conn)
		opts    HTTPOptions
		timeout time.Duration
		outcome health.Outcome
		reason  string
	}{
		{"a status is enough", asked("HTTP/1.1 200 OK\r\n\r\n"), HTTPOptions{}, enough, health.Pass, ""},
		{"the body does not matter", asked(sized(9, "")), HTTPOptions{}, enough, health.Pass, ""},
		{"no reason phrase", asked("HTTP/1.1 200\r\n\r\n"), HTTPOptions{}, enough, health.Pass, ""},
		{"the last that passes", asked("HTTP/1.1 299 Odd\r\n\r\n"), HTTPOptions{}, enough, health.Pass, ""},
		{"the first that does not", asked("HTTP/1.1 300 Multiple Choices\r\n\r\n"), HTTPOptions{}, enough, health.Fail,
			"status 300 Multiple Choices"},
		{"a failure", asked("HTTP/1.1 503 Service Unavailable\r\n\r\n"), HTTPOptions{}, enough, health.Fail,
			"status 503 Service Unavailable"},
		{"a failure without reason phrase", asked("HTTP/1.1 503\r\n\r\n"), HTTPOptions{}, enough, health.Fail, "status 503"},
		{"a failure with control characters", asked("HTTP/1.1 500 a\x1b[31mb\x00\r\n\r\n"), HTTPOptions{}, enough, health.Fail,
			`status 500 a\?\[31mb\?`},
		{"a failure with much to say", asked("HTTP/1.1 500 " + strings.Repeat("x", 1000) + "\r\n\r\n"), HTTPOptions{}, enough, health.Fail,
			`status 500 x+\.\.\.`},
		{"a status that is not", asked("HTTP/1.1 999 Hello\r\n\r\n"), HTTPOptions{}, enough, health.Fail, "status 999 Hello"},
		{"a status below all", asked("HTTP/1.1 000 Zero\r\n\r\n"), HTTPOptions{}, enough, health.Fail, "status 000 Zero"},
		{"a failure that is wanted", asked("HTTP/1.1 404 Not Found\r\n\r\n"), HTTPOptions{Status: statuses(401, 404)}, enough, health.Pass, ""},
		{"success that is not wanted", asked("HTTP/1.1 200 OK\r\n\r\n"), HTTPOptions{Status: statuses(401, 404)}, enough, health.Fail,
			"status 200 OK"},
		{"HTTP/1.0", askedOnce(http10("ok")), ok, enough, health.Pass, ""},
		{"HTTP/1.0 without end", asked(http10("ok")), ok, enough, health.Pass, ""},
		{"lines that end with LF only", asked("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), ok, enough, health.Pass, ""},

		{"interim answers", asked(early + "HTTP/1.1 200 OK\r\n\r\n"), HTTPOptions{}, enough, health.Pass, ""},
		{"too many interim answers", asked(early + "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), HTTPOptions{}, enough, health.Fail,
			`answer not understood: more than 5 interim answers \(1xx\)`},
		{"an interim answer and no other", asked("HTTP/1.1 100 Continue\r\n\r\n"), HTTPOptions{}, brief, health.Fail, waited + `\(header\)`},
		{"an interim answer and the end", askedOnce("HTTP/1.1 100 Continue\r\n\r\n"), HTTPOptions{}, enough, health.Fail,
			"connection closed without an answer"},
		{"another protocol", asked("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), HTTPOptions{}, enough, health.Fail,
			"status 101 Switching Protocols"},

		{"the body", asked(sized(2, "ok")), ok, enough, health.Pass, ""},
		{"the body, somewhere in it", asked(sized(12, "all\nis\nok.\n\n")), ok, enough, health.Pass, ""},
		{"the body, before its end", asked(sized(1000, "ok")), ok, enough, health.Pass, ""},
		{"the body in pieces", drips(sized(2, "ok")), ok, enough, health.Pass, ""},
		{"the body in chunks", asked(chunked + "1\r\no\r\n1;a=b\r\nk\r\n"), ok, enough, health.Pass, ""},
		{"another body", asked(sized(3, "bad")), ok, enough, health.Fail, `body: "ok" not found in its 3 bytes`},
		{"another body in chunks", asked(chunked + "3\r\nbad\r\n0\r\n\r\n"), ok, enough, health.Fail, `body: "ok" not found in its 3 bytes`},
		{"another body without length", askedOnce(http10("bad")), ok, enough, health.Fail, `body: "ok" not found in its 3 bytes`},
		{"no body", asked("HTTP/1.1 204 No Content\r\n\r\n"), ok, enough, health.Fail, `body: "ok" not found in its 0 bytes`},
		{"an empty body", asked(sized(0, "")), ok, enough, health.Fail, `body: "ok" not found in its 0 bytes`},
		{"another status with the body", asked("HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nok"), ok, enough, health.Fail, "status 500 Oops"},
		{"found at the end of the 64th KiB", asked(sized(bodyWithin, edge+"ok")), ok, enough, health.Pass, ""},
		{"found after the 64th KiB", asked(sized(bodyWithin+1, edge+"xok")), ok, enough, health.Fail,
			`body: "ok" not found in the first 64 KiB`},
		{"compressed though not asked for", asked("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
			strconv.Itoa(len(gzipped("ok"))) + "\r\n\r\n" + gzipped("ok")), ok, enough, health.Fail,
			`body: "ok" not found in its \d+ bytes, which are encoded as "gzip" although nobody asked for it`},

		{"the expression", asked(sized(12, `{"ready": 7}`)), pattern(`"ready":\s*\d+`), enough, health.Pass, ""},
		{"the expression to the end", asked(sized(2, "ok")), pattern(`^ok$`), enough, health.Pass, ""},
		{"the expression to the end in pieces", drips(sized(2, "ok")), pattern(`^ok$`), enough, health.Pass, ""},
		{"the expression to the end that is none", drips(sized(5, "ok no")), pattern(`^ok$`), enough, health.Fail,
			`body: no match of "\^ok\$" in its first 4 bytes`},
		{"the expression in a body without end", streams(http10("ok "), "x"), pattern(`ok`), enough, health.Pass, ""},
		{"the expression for letters of several bytes", drips(sized(5, "grün")), pattern(`^gr[ü]n$`), enough, health.Pass, ""},
		{"the expression for bytes that are no letters", asked(sized(3, "a\xffb")), pattern(`^a\x{fffd}b$`), enough, health.Pass, ""},
		{"the expression after 64 KiB", asked(sized(bodyWithin+1, edge+"xok")), pattern(`ok`), enough, health.Fail,
			`body: no match of "ok" in the first 64 KiB`},
		{"the expression up to 64 KiB", asked(sized(bodyWithin+1, edge+"okx")), pattern(`ok$`), enough, health.Pass, ""},
		{"the expression in a body that breaks off", askedOnce(sized(9, "ok")), pattern(`ok$`), enough, health.Fail,
			`connection closed after 2 bytes of the body: no match of "ok\$"`},
		{"word and expression", asked(sized(5, "ok 17")), HTTPOptions{Body: []byte("ok"), Regexp: regexp.MustCompile(`^ok \d+$`)}, enough,
			health.Pass, ""},
		{"word without expression", asked(sized(5, "ok xx")), HTTPOptions{Body: []byte("ok"), Regexp: regexp.MustCompile(`^ok \d+$`)}, enough,
			health.Fail, `body: no match of "\^ok \\\\d\+\$" in its 5 bytes`},
		{"expression without word", asked(sized(5, "no 17")), HTTPOptions{Body: []byte("ok"), Regexp: regexp.MustCompile(`\d`)}, enough,
			health.Fail, `body: "ok" not found in its 5 bytes`},

		{"HEAD has no body", asked(sized(7, "")), head, enough, health.Pass, ""},
		{"lame", asked("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 13\r\n\r\nI am draining"), lame, enough, health.LameDuck,
			`status 503 Service Unavailable, and the body says "draining"`},
		{"lame in a body without end", streams("HTTP/1.1 503 Busy\r\n\r\ndraining", "x"), lame, enough, health.LameDuck,
			`status 503 Busy, and the body says "draining"`},
		{"lame, but not said to be", asked("HTTP/1.1 503 Busy\r\nContent-Length: 8\r\n\r\ndraining"), HTTPOptions{}, enough, health.Fail,
			"status 503 Busy"},
		{"lame with another status", asked("HTTP/1.1 500 Oops\r\nContent-Length: 8\r\n\r\ndraining"), lame, enough, health.Fail,
			"status 500 Oops"},
		{"lame with success", asked(sized(8, "draining")), lame, enough, health.Pass, ""},
		{"lame where 503 passes", asked("HTTP/1.1 503 Busy\r\nContent-Length: 8\r\n\r\ndraining"),
			HTTPOptions{Lame: []byte("draining"), Status: statuses(503)}, enough, health.Pass, ""},
		{"not lame", asked("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nhelp"), lame, enough, health.Fail, "status 503 Busy"},
		{"lame after 64 KiB", streams("HTTP/1.1 503 Busy\r\n\r\n"+edge, "x draining"), lame, enough, health.Fail, "status 503 Busy"},
		{"lame or not: hang", asked("HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\ndrain"), lame, brief, health.Fail, "status 503 Busy"},

		{"reset at once", func(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0) }, HTTPOptions{}, enough, health.Fail,
			`reset by peer \((connect|request|header)\)`},
		{"reset", askedReset(""), HTTPOptions{}, enough, health.Fail, `reset by peer \(header\)`},
		{"reset within the status line", askedReset("HTTP/1."), HTTPOptions{}, enough, health.Fail, `reset by peer \(header\)`},
		{"reset within the body", askedReset(sized(9, "bad")), ok, enough, health.Fail,
			`reset by peer \((header|body: "ok" not found in 3 bytes)\)`}, // a reset may overtake what was sent
		{"closed at once", func(net.Conn) {}, HTTPOptions{}, enough, health.Fail,
			`connection closed without an answer|reset by peer \((connect|request|header)\)`}, // the request meets a socket that is no more
		{"closed", askedOnce(""), HTTPOptions{}, enough, health.Fail, "connection closed without an answer"},
		{"half-closed before the request", closesAfter(""), HTTPOptions{}, enough, health.Fail, "connection closed without an answer"},
		{"closed within the protocol's name", askedOnce("HT"), HTTPOptions{}, enough, health.Fail, "connection closed within the header"},
		{"closed within the status line", askedOnce("HTTP/1.1 20"), HTTPOptions{}, enough, health.Fail, "connection closed within the header"},
		{"closed within the header", askedOnce("HTTP/1.1 200 OK\r\nServer: x\r\n"), HTTPOptions{}, enough, health.Fail,
			"connection closed within the header"},
		{"closed within the body", askedOnce(sized(9, "bad")), ok, enough, health.Fail,
			`connection closed after 3 bytes of the body: "ok" not found`},
		{"closed within a chunk", askedOnce(chunked + "9\r\nbad"), ok, enough, health.Fail,
			`connection closed after 3 bytes of the body: "ok" not found`},
		{"answered before it was asked, and half-closed", closesAfter(sized(2, "ok")), ok, enough, health.Pass, ""},

		{"hang at once", silent, HTTPOptions{}, brief, health.Fail, waited + `\(header\)`},
		{"hang within the status line", asked("HTTP/1.1 2"), HTTPOptions{}, brief, health.Fail, waited + `\(header\)`},
		{"hang within the header", asked("HTTP/1.1 200 OK\r\nServer: "), HTTPOptions{}, brief, health.Fail, waited + `\(header\)`},
		{"hang before the body", asked(sized(9, "")), ok, brief, health.Fail, waited + `\(body: "ok" not found in 0 bytes\)`},
		{"hang within the body", asked(sized(9, "bad")), ok, brief, health.Fail, waited + `\(body: "ok" not found in 3 bytes\)`},
		{"hang before a chunk", asked(chunked + "3\r\nbad\r\n"), ok, brief, health.Fail, waited + `\(body: "ok" not found in 3 bytes\)`},
		{"hang before the body's end", asked(http10("ok")), pattern(`ok$`), brief, health.Fail,
			waited + `\(body: no match of "ok\$" in 2 bytes\)`},
		{"trickle", drips("HTTP/1.1 200 OK\r\n" + strings.Repeat("X", 1000)), HTTPOptions{}, brief, health.Fail, waited + `\(header\)`},
		{"trickle of the body", drips(http10(strings.Repeat("x", 1000))), ok, brief, health.Fail,
			waited + `\(body: "ok" not found in \d+ bytes\)`},
		{"a member that does not read", trickles, HTTPOptions{}, brief, health.Fail, `not HTTP: first bytes "x+"`},

		{"endless status line", streams("HTTP/1.1 200 ", "x"), HTTPOptions{}, enough, health.Fail, "header longer than 64 KiB"},
		{"endless line of the header", streams("HTTP/1.1 200 OK\r\nX: ", "x"), HTTPOptions{}, enough, health.Fail, "header longer than 64 KiB"},
		{"endless header", streams("HTTP/1.1 200 OK\r\n", "X: y\r\n"), HTTPOptions{}, enough, health.Fail, "header longer than 64 KiB"},
		{"endless body", streams(http10(""), "bad "), ok, enough, health.Fail, `body: "ok" not found in the first 64 KiB`},
		{"endless body for the expression", streams(http10(""), "bad "), pattern("^o|k$"), enough, health.Fail,
			`body: no match of "\^o\|k\$" in the first 64 KiB`},
		{"endless chunks of one byte", streams(chunked, "1\r\nx\r\n"), ok, enough, health.Fail, `body: "ok" not found in the first 64 KiB`},
		{"endless leading zeros of a chunk", streams(chunked, "0"), ok, enough, health.Fail, "body not understood: .*"},
		{"endless ends of chunks", streams(chunked+"1;", strings.Repeat("y", 1000)+"\r\nx\r\n1;"), ok, enough, health.Fail,
			"body not understood: chunked encoding contains too much non-data"},
		{"endless trailer", streams(chunked+"0\r\n", "X: y\r\n"), ok, enough, health.Fail, "body not understood: .*"},

		{"SSH", says("SSH-2.0-OpenSSH_9.9\r\n"), HTTPOptions{}, enough, health.Fail, `not HTTP: first bytes "SSH-2.0-OpenSSH_9.9\\r\\n"`},
		{"a banner without end", says("220 "), HTTPOptions{}, enough, health.Fail, `not HTTP: first bytes "220 "`},
		{"a banner in binary", says("\x00\xff"), HTTPOptions{}, enough, health.Fail, `not HTTP: first bytes "\\x00\\xff"`},
		{"TLS that says so by an alert", asked("\x15\x03\x01\x00\x02\x02\x46"), HTTPOptions{}, enough, health.Fail,
			`not HTTP but TLS: first bytes "\\x15\\x03\\x01\\x00\\x02\\x02F" \(is it a member for check https\?\)`},
		{"almost HTTP", says("HTTPS"), HTTPOptions{}, enough, health.Fail, `not HTTP: first bytes "HTTPS"`},
		{"a later version", asked("HTTP/x 200 OK\r\n\r\n"), HTTPOptions{}, enough, health.Fail,
			`answer not understood: malformed HTTP version "HTTP/x"`},
		{"no status", asked("HTTP/1.1 OK\r\n\r\n"), HTTPOptions{}, enough, health.Fail,
			`answer not understood: malformed HTTP status code "OK"`},
		{"no header", asked("HTTP/1.1 200 OK\r\nhello\r\n\r\n"), HTTPOptions{}, enough, health.Fail, "answer not understood: malformed MIME header.*"},
		{"two lengths", asked("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok"), HTTPOptions{}, enough, health.Fail,
			"answer not understood: .*Content-Length.*"},
		{"a chunk of no length", asked(chunked + "zz\r\n"), ok, enough, health.Fail, "body not understood: invalid byte in chunk length"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantEventually(t, mustHTTP(t, tt.opts), member(t, "127.1.2.3:0", tt.member), tt.timeout, tt.outcome, tt.reason)
		})
	}
}

func TestHTTPWithoutConnection(t *testing.T) {
	c := mustHTTP(t, HTTPOptions{})
	t.Run("refused", func(t *testing.T) {
		wantResult(t, c, unused(t, "127.0.0.1:0"), enough, health.Fail, "connection refused")
	})
	t.Run("backlog full", func(t *testing.T) {
		wantResult(t, c, full(t), brief, health.Fail, `timeout after \d+ms \(connect\)`)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		dst := member(t, "127.0.0.1:0", func(conn net.Conn) {
			readHeader(conn)
			io.WriteString(conn, "HTTP/1.1 503 Busy\r\n\r\n")
			cancel()
			silent(conn)
		})
		got := mustHTTP(t, HTTPOptions{Lame: []byte("x")}).Probe(ctx, Route{To: dst})
		if got.Outcome != health.Inconclusive {
			t.Errorf("got %v %q, want inconclusive", got.Outcome, got.Reason)
		}
	})
}

// Servers that people run.
func TestHTTPServer(t *testing.T) {
	var long bytes.Buffer
	for i := range 40_000 {
		fmt.Fprintln(&long, i)
	}
	for _, tt := range []struct {
		name    string
		handle  http.HandlerFunc
		opts    HTTPOptions
		outcome health.Outcome
		reason  string
	}{
		{"ok", serves(200, "ok"), HTTPOptions{Body: []byte("ok")}, health.Pass, ""},
		{"no content", serves(204, ""), HTTPOptions{}, health.Pass, ""},
		{"not found", http.NotFound, HTTPOptions{}, health.Fail, "status 404 Not Found"},
		{"long and chunked", serves(200, long.String()), HTTPOptions{Body: []byte("\n9999\n")}, health.Pass, ""},
		{"long and chunked, too far", serves(200, long.String()), HTTPOptions{Body: []byte("\n39999\n")}, health.Fail,
			`body: "\\n39999\\n" not found in the first 64 KiB`},
		{"HEAD", serves(200, "ok"), HTTPOptions{Method: "HEAD"}, health.Pass, ""},
		{"lame", serves(503, "draining\n"), HTTPOptions{Lame: []byte("draining")}, health.LameDuck,
			`status 503 Service Unavailable, and the body says "draining"`},
		{"early hints", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</x.css>")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusOK)
		}, HTTPOptions{}, health.Pass, ""},
		{"a handler that panics", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, HTTPOptions{}, health.Fail,
			"connection closed without an answer"},
		{"a file server", http.FileServer(http.Dir(t.TempDir())).ServeHTTP, HTTPOptions{Body: []byte("<pre>")}, health.Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantResult(t, mustHTTP(t, tt.opts), site(t, tt.handle), enough, tt.outcome, tt.reason)
		})
	}
	t.Run("TLS on the port of http", func(t *testing.T) {
		dst := secureSite(t, newAuthority(t).issue(time.Now().Add(time.Hour), right), serves(200, "ok"))
		wantResult(t, mustHTTP(t, HTTPOptions{}), dst, enough, health.Fail, "status 400 Bad Request") // in plain text, by net/http's courtesy
	})
}

// What is sent, to the byte.
func TestHTTPRequest(t *testing.T) {
	const standard = "User-Agent: healthlb\r\nAccept: */*\r\n"
	for _, tt := range []struct {
		name string
		ip   string
		opts HTTPOptions
		want string
	}{
		{"the address is the host where there is no name", "127.1.2.3", HTTPOptions{},
			"GET / HTTP/1.1\r\nHost: 127.1.2.3\r\n" + standard + "Connection: close\r\n\r\n"},
		{"in brackets, of IPv6", "[::1]", HTTPOptions{},
			"GET / HTTP/1.1\r\nHost: [::1]\r\n" + standard + "Connection: close\r\n\r\n"},
		{"host and path", "127.0.0.1", HTTPOptions{Host: "www.example.org:8080", Path: "/healthz?deep=1"},
			"GET /healthz?deep=1 HTTP/1.1\r\nHost: www.example.org:8080\r\n" + standard + "Connection: close\r\n\r\n"},
		{"POST has an empty body", "127.0.0.1", HTTPOptions{Host: "www.example.org", Method: "POST"},
			"POST / HTTP/1.1\r\nHost: www.example.org\r\n" + standard + "Content-Length: 0\r\nConnection: close\r\n\r\n"},
		{"headers, some in the place of others", "127.0.0.1", HTTPOptions{Host: "www.example.org",
			Header: []HeaderField{{"X-A", "b c"}, {"user-agent", "mine"}, {"X-A", ""}}},
			"GET / HTTP/1.1\r\nHost: www.example.org\r\nAccept: */*\r\nX-A: b c\r\nuser-agent: mine\r\nX-A: \r\nConnection: close\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := make(chan string, 1)
			dst := member(t, tt.ip+":0", func(conn net.Conn) {
				got <- readHeader(conn)
				says("HTTP/1.1 200 OK\r\n\r\n")(conn)
			})
			wantResult(t, mustHTTP(t, tt.opts), dst, enough, health.Pass, "")
			if text := <-got; text != tt.want {
				t.Errorf("sent %q\nwant %q", text, tt.want)
			}
		})
	}
}

func TestHTTPTrace(t *testing.T) {
	ca := newAuthority(t)
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	dst := secureSite(t, ca.issue(end, right), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/next", http.StatusFound)
			return
		}
		io.WriteString(w, "all is ok")
	})
	var trace Trace
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	c := mustHTTPS(t, HTTPOptions{Host: right, Body: []byte("ok"), Follow: 1}, TLSOptions{ServerName: right, CAFile: ca.file})
	if r := c.Probe(WithTrace(ctx, &trace), Route{To: dst}); r.Outcome != health.Pass {
		t.Fatal(r.Reason)
	}
	var got []string
	for _, s := range trace.Steps() {
		got = append(got, s.Name+": "+s.Detail)
	}
	once := func(request, status string) []string {
		return []string{`connect: from 127\.0\.0\.1:\d+`, "handshake: TLS 1.3, TLS_.*",
			"certificate: for a.example.org, until " + end.UTC().Format(time.RFC3339), "request: " + request, "status: " + status}
	}
	want := append(once("GET / for host a.example.org", "HTTP/1.1 302 Found"),
		"redirect: status 302 to /next, at port "+strconv.Itoa(int(dst.Port())))
	want = append(want, once("GET /next for host a.example.org", "HTTP/1.1 200 OK")...)
	want = append(want, "body: as wanted, after 9 bytes")
	if !regexp.MustCompile("^(?:" + strings.Join(want, "\n") + ")$").MatchString(strings.Join(got, "\n")) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What came before a failure is in the trace, the certificate that was the reason included.
func TestHTTPTraceOfFailure(t *testing.T) {
	ca := newAuthority(t)
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	dst := secureSite(t, ca.issue(end, wrong), serves(200, "ok"))
	for _, c := range []Check{
		mustHTTPS(t, HTTPOptions{}, TLSOptions{ServerName: right, CAFile: ca.file}),
		mustTLS(t, TLSOptions{ServerName: right, CAFile: ca.file}),
	} {
		var trace Trace
		ctx, cancel := context.WithTimeout(t.Context(), enough)
		r := c.Probe(WithTrace(ctx, &trace), Route{To: dst})
		cancel()
		steps := trace.Steps()
		want := "for b.example.org, until " + end.UTC().Format(time.RFC3339)
		if r.Outcome != health.Fail || len(steps) != 2 || steps[1].Name != "certificate" || steps[1].Detail != want {
			t.Errorf("%s: %+v, %+v", c.Kind(), r, steps)
		}
	}
}
