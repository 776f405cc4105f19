package probe

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// secureSite serves by net/http over TLS, by HTTP/2 too to those who want it.
func secureSite(t testing.TB, c tls.Certificate, handle http.HandlerFunc) netip.AddrPort {
	t.Helper()
	return secureSiteOf(t, &tls.Config{Certificates: []tls.Certificate{c}}, handle)
}

func secureSiteOf(t testing.TB, config *tls.Config, handle http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewUnstartedServer(handle)
	s.Config.ErrorLog = quietLog
	s.TLS = config
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// securely makes a TLS handshake before it gives the connection on.
func securely(config *tls.Config, handle func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		session := tls.Server(conn, config)
		if session.Handshake() == nil {
			handle(session)
		}
	}
}

func TestHTTPS(t *testing.T) {
	ca := newAuthority(t)
	later := time.Now().Add(30 * time.Minute)
	good := ca.issue(later, right)
	config := &tls.Config{Certificates: []tls.Certificate{good}}
	old := &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12}
	verified := TLSOptions{ServerName: right, CAFile: ca.file}
	ok := HTTPOptions{Host: right, Body: []byte("ok")}
	// closes ends a session as TLS wants it, drops as it does not.
	closes := func(s string) func(net.Conn) {
		return func(conn net.Conn) {
			readHeader(conn)
			io.WriteString(conn, s)
			conn.(*tls.Conn).CloseWrite()
			silent(conn)
		}
	}
	drops := func(s string) func(net.Conn) {
		return func(conn net.Conn) {
			readHeader(conn)
			io.WriteString(conn, s)
			conn.(*tls.Conn).NetConn().(*net.TCPConn).CloseWrite()
			silent(conn)
		}
	}

	for _, tt := range []struct {
		name    string
		member  func(net.Conn)
		opts    HTTPOptions
		timeout time.Duration
		outcome health.Outcome
		reason  string
	}{
		{"ok", securely(config, asked(sized(2, "ok"))), ok, enough, health.Pass, ""},
		{"ok by TLS 1.2", securely(old, asked(sized(2, "ok"))), ok, enough, health.Pass, ""},
		{"a status", securely(config, asked("HTTP/1.1 500 Oops\r\n\r\n")), ok, enough, health.Fail, "status 500 Oops"},
		{"HTTP/1.0", securely(config, closes(http10("ok"))), ok, enough, health.Pass, ""},
		{"HTTP/1.0, another body", securely(config, closes(http10("bad"))), ok, enough, health.Fail, `body: "ok" not found in its 3 bytes`},
		{"HTTP/1.0, cut off", securely(config, drops(http10("bad"))), ok, enough, health.Fail, `body: "ok" not found in its 3 bytes`},
		{"cut off within the body", securely(config, drops(sized(9, "bad"))), ok, enough, health.Fail,
			`connection closed after 3 bytes of the body: "ok" not found`},
		{"closed", securely(config, closes("")), ok, enough, health.Fail, "connection closed without an answer"},
		{"cut off", securely(config, drops("")), ok, enough, health.Fail, "connection closed without an answer"},
		{"cut off within the header", securely(config, drops("HTTP/1.1 200")), ok, enough, health.Fail, "connection closed within the header"},
		{"HTTP without TLS", says("HTTP/1.1 400 Bad Request\r\n\r\n"), ok, enough, health.Fail, `not TLS: first bytes "HTTP/"`},
		{"SSH", says("SSH-2.0-OpenSSH_9.9\r\n"), ok, enough, health.Fail, `not TLS: first bytes "SSH-2"`},
		{"hang in the handshake", silent, ok, brief, health.Fail, `timeout after \d+ms \(handshake\)`},
		{"hang after it", securely(config, silent), ok, brief, health.Fail, `timeout after \d+ms \(header\)`},
		{"hang within the body", securely(config, asked(sized(9, "bad"))), ok, brief, health.Fail,
			`timeout after \d+ms \(body: "ok" not found in 3 bytes\)`},
		{"endless header", securely(config, streams("HTTP/1.1 200 OK\r\n", "X: y\r\n")), ok, enough, health.Fail, "header longer than 64 KiB"},
		{"endless body", securely(config, streams(http10(""), "bad ")), ok, enough, health.Fail, `body: "ok" not found in the first 64 KiB`},
		{"another protocol", speaksTLS(&tls.Config{Certificates: []tls.Certificate{good}, NextProtos: []string{"imap"}}), ok, enough, health.Fail,
			"TLS handshake: the member says no application protocol"},
		{"not TLS after the handshake", securely(config, func(conn net.Conn) {
			readHeader(conn)
			io.WriteString(conn.(*tls.Conn).NetConn(), "HTTP/1.1 200 OK\r\n\r\n")
			silent(conn)
		}), ok, enough, health.Fail, `.*(tls|TLS).*`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantEventually(t, mustHTTPS(t, tt.opts, verified), member(t, "127.0.0.1:0", tt.member), tt.timeout, tt.outcome, tt.reason)
		})
	}

	t.Run("a server that has HTTP/2", func(t *testing.T) {
		wantResult(t, mustHTTPS(t, ok, verified), secureSite(t, good, func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor == 1 && r.Host == right && r.TLS.ServerName == right {
				io.WriteString(w, "ok")
			}
		}), enough, health.Pass, "")
	})
	t.Run("another host than the certificate's", func(t *testing.T) {
		wantResult(t, mustHTTPS(t, HTTPOptions{Host: wrong}, verified), secureSite(t, good, func(w http.ResponseWriter, r *http.Request) {
			if r.Host != wrong || r.TLS.ServerName != right {
				w.WriteHeader(500)
			}
		}), enough, health.Pass, "")
	})
	t.Run("refused", func(t *testing.T) {
		wantResult(t, mustHTTPS(t, ok, verified), unused(t, "127.0.0.1:0"), enough, health.Fail, "connection refused")
	})
}

func TestHTTPSClientCertificate(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	later := time.Now().Add(30 * time.Minute)
	none := TLSOptions{ServerName: right, CAFile: ca.file}
	given, foreign := none, none
	given.CertFile, given.KeyFile = save(t, ca.issue(later, "prober"))
	foreign.CertFile, foreign.KeyFile = save(t, other.issue(later, "prober"))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{Certificates: []tls.Certificate{ca.issue(later, right)}, ClientCAs: ca.pool(),
			ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: version}
		dst := secureSiteOf(t, config, serves(200, "ok"))
		for _, tt := range []struct {
			name    string
			secured TLSOptions
			outcome health.Outcome
			reason  string
		}{
			{"given", given, health.Pass, ""},
			{"not given", none, health.Fail, "TLS handshake: the member says (certificate required|handshake failure|bad certificate)"},
			{"of another authority", foreign, health.Fail, "TLS handshake: the member says (unknown certificate authority|bad certificate)"},
		} {
			t.Run(tt.name+" by "+tls.VersionName(version), func(t *testing.T) {
				wantResult(t, mustHTTPS(t, HTTPOptions{Host: right}, tt.secured), dst, enough, tt.outcome, tt.reason)
			})
		}
	}
}
