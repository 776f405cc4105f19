package probe

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

const (
	right = "a.example.org"
	wrong = "b.example.org"
)

// speaksTLS makes a handshake, and then waits for the other side to hang up.
func speaksTLS(config *tls.Config) func(net.Conn) {
	return func(conn net.Conn) { silent(tls.Server(conn, config)) }
}

// speaksFirst makes a handshake, says hello, and does not hang up when the other side does.
func speaksFirst(t *testing.T, config *tls.Config, hello string) func(net.Conn) {
	return func(conn net.Conn) {
		session := tls.Server(conn, config)
		if session.Handshake() != nil {
			return
		}
		io.WriteString(session, hello)
		<-t.Context().Done()
	}
}

func mustTLS(t *testing.T, opts TLSOptions) Check {
	t.Helper()
	c, err := NewTLS(443, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	later := time.Now().Add(30 * time.Minute)
	past := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	future := time.Now().AddDate(1, 0, 0)
	good := ca.issue(later, right)
	serve := func(c tls.Certificate) func(net.Conn) {
		return speaksTLS(&tls.Config{Certificates: []tls.Certificate{c}})
	}
	verified := TLSOptions{ServerName: right, CAFile: ca.file}

	for _, tt := range []struct {
		name    string
		member  func(net.Conn)
		opts    TLSOptions
		timeout time.Duration
		outcome health.Outcome
		reason  string
	}{
		{"good", serve(good), verified, enough, health.Pass, ""},
		{"good by TLS 1.2", speaksTLS(&tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12}), verified,
			enough, health.Pass, ""},
		{"wildcard", serve(ca.issue(later, "*.example.org")), verified, enough, health.Pass, ""},
		{"expired", serve(ca.issue(past, right)), verified, enough, health.Fail, "certificate expired 2026-01-02"},
		{"not yet valid", serve(ca.issue(future, right)), verified, enough, health.Fail,
			"certificate not valid before " + future.Add(-2*time.Hour).UTC().Format(time.DateOnly)},
		{"wrong name", serve(ca.issue(later, wrong)), verified, enough, health.Fail,
			"certificate is for b.example.org, not a.example.org"},
		{"many wrong names", serve(ca.issue(later, "1.example", "2.example", "3.example", "4.example", "5.example")), verified, enough,
			health.Fail, "certificate is for 1.example, 2.example, 3.example and 2 more, not a.example.org"},
		{"no name but a common name", serve(ca.issue(later)), verified, enough, health.Fail,
			"certificate is for no name, not a.example.org"},
		{"unknown authority", serve(other.issue(later, right)), verified, enough, health.Fail,
			"certificate signed by an unknown authority"},
		{"not among the system's roots", serve(good), TLSOptions{ServerName: right}, enough, health.Fail,
			"certificate signed by an unknown authority"},
		{"insecure: all of that at once", serve(other.issue(past, wrong)), TLSOptions{ServerName: right, Insecure: true}, enough,
			health.Pass, ""},
		{"insecure without a name", serve(good), TLSOptions{Insecure: true}, enough, health.Pass, ""},
		{"the name is sent as SNI", speaksTLS(&tls.Config{
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				c := ca.issue(later, hello.ServerName)
				return &c, nil
			},
		}), verified, enough, health.Pass, ""},

		{"TLS 1.1", speaksTLS(&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10,
			MaxVersion: tls.VersionTLS11}), verified, enough, health.Fail, "TLS handshake: the member says protocol version not supported"},
		{"not TLS", says("HTTP/1.1 400 Bad Request\r\n"), verified, enough, health.Fail, `not TLS: first bytes "HTTP/"`},
		{"a banner in binary", says("\x00\x01\x02\x03\x04\x05"), verified, enough, health.Fail,
			`not TLS: first bytes "\\x00\\x01\\x02\\x03\\x04"`},
		{"closed", closesAfter(""), verified, enough, health.Fail, "TLS handshake: connection closed"},
		{"closed within a record", closesAfter("\x16\x03\x03"), verified, enough, health.Fail, "TLS handshake: connection closed"},
		{"reset", resets, verified, enough, health.Fail, `reset by peer \(handshake\)`},
		{"hang", silent, verified, brief, health.Fail, `timeout after \d+ms \(handshake\)`},
		{"hang within a record", says("\x16\x03\x03"), verified, brief, health.Fail, `timeout after \d+ms \(handshake\)`},
		{"endless records", endless([]byte("\x16\x03\x03\x00\x04\x00\x00\x00\x00")), verified, enough, health.Fail, "TLS handshake: .*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantResult(t, mustTLS(t, tt.opts), member(t, "127.0.0.1:0", tt.member), tt.timeout, tt.outcome, tt.reason)
		})
	}
	t.Run("IPv6", func(t *testing.T) {
		wantResult(t, mustTLS(t, verified), member(t, "[::1]:0", serve(good)), enough, health.Pass, "")
	})
	t.Run("refused", func(t *testing.T) {
		wantResult(t, mustTLS(t, verified), unused(t, "127.0.0.1:0"), enough, health.Fail, "connection refused")
	})
	t.Run("backlog full", func(t *testing.T) {
		wantResult(t, mustTLS(t, verified), full(t), brief, health.Fail, `timeout after \d+ms \(connect\)`)
	})
}

func TestTLSClientCertificate(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	later := time.Now().Add(30 * time.Minute)
	config := tls.Config{Certificates: []tls.Certificate{ca.issue(later, right)}, ClientCAs: ca.pool()}
	none := TLSOptions{ServerName: right, CAFile: ca.file}
	given, foreign := none, none
	given.CertFile, given.KeyFile = save(t, ca.issue(later, "prober"))
	foreign.CertFile, foreign.KeyFile = save(t, other.issue(later, "prober"))

	for _, tt := range []struct {
		name    string
		auth    tls.ClientAuthType
		opts    TLSOptions
		outcome health.Outcome
		reason  string
	}{
		{"required, given", tls.RequireAndVerifyClientCert, given, health.Pass, ""},
		{"required, not given", tls.RequireAndVerifyClientCert, none, health.Fail,
			"TLS handshake: the member says (certificate required|handshake failure)"},
		{"required, of another authority", tls.RequireAndVerifyClientCert, foreign, health.Fail,
			"TLS handshake: the member says (unknown certificate authority|bad certificate)"},
		{"welcome, given", tls.VerifyClientCertIfGiven, given, health.Pass, ""},
		{"welcome, not given", tls.VerifyClientCertIfGiven, none, health.Pass, ""},
		{"not asked for, given", tls.NoClientCert, given, health.Pass, ""},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+" by "+tls.VersionName(version), func(t *testing.T) {
				t.Parallel()
				config := config.Clone()
				config.ClientAuth, config.MaxVersion = tt.auth, version
				dst := member(t, "127.0.0.1:0", speaksTLS(config))
				wantResult(t, mustTLS(t, tt.opts), dst, enough, tt.outcome, tt.reason)
			})
		}
	}

	config.ClientAuth = tls.RequireAndVerifyClientCert
	t.Run("accepted by a member that speaks first", func(t *testing.T) {
		dst := member(t, "127.0.0.1:0", speaksFirst(t, &config, "220 ready\r\n"))
		wantResult(t, mustTLS(t, given), dst, enough, health.Pass, "")
	})
	t.Run("accepted by a member that does not hang up", func(t *testing.T) {
		dst := member(t, "127.0.0.1:0", speaksFirst(t, &config, ""))
		wantResult(t, mustTLS(t, given), dst, 10*brief, health.Pass, "")
	})
}

func TestTLSOptions(t *testing.T) {
	ca := newAuthority(t)
	certFile, keyFile := save(t, ca.issue(time.Now().Add(time.Hour), right))
	_, foreignKey := save(t, ca.issue(time.Now().Add(time.Hour), right))
	file := func(content string) string {
		name := filepath.Join(t.TempDir(), "x.pem")
		replace(t, name, []byte(content))
		return name
	}
	missing := filepath.Join(t.TempDir(), "missing.pem")

	for _, tt := range []struct {
		name string
		opts TLSOptions
		want string
	}{
		{"nothing to verify", TLSOptions{}, "name"},
		{"a certificate without a key", TLSOptions{ServerName: right, CertFile: certFile}, "two files"},
		{"no CA file", TLSOptions{ServerName: right, CAFile: missing}, missing + ": no such file"},
		{"empty CA file", TLSOptions{ServerName: right, CAFile: file("\n")}, "x.pem: the file is empty"},
		{"a CA file of another kind", TLSOptions{ServerName: right, CAFile: keyFile}, "key.pem: no certificate in it"},
		{"a CA file that is no PEM", TLSOptions{ServerName: right, CAFile: file("hello")}, "x.pem: no certificate in it"},
		{"a bad certificate in the CA file", TLSOptions{ServerName: right,
			CAFile: file("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}, "x.pem: certificate 1: "},
		{"no key file", TLSOptions{ServerName: right, CertFile: certFile, KeyFile: missing}, missing + ": no such file"},
		{"another certificate's key", TLSOptions{ServerName: right, CertFile: certFile, KeyFile: foreignKey},
			certFile + " with key " + foreignKey + ": private key does not match public key"},
	} {
		if _, err := NewTLS(443, tt.opts); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want one that says %q", tt.name, err, tt.want)
		}
	}
}

func TestTLSName(t *testing.T) {
	ca := newAuthority(t)
	certFile, keyFile := save(t, ca.issue(time.Now().Add(time.Hour), right))
	spaced := filepath.Join(t.TempDir(), "my ca.pem")
	data, err := os.ReadFile(ca.file)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, spaced, data)

	for _, tt := range []struct {
		opts  TLSOptions
		want  string
		files bool
	}{
		{TLSOptions{ServerName: right}, "tls sni a.example.org", false},
		{TLSOptions{ServerName: right, Insecure: true}, "tls sni a.example.org insecure", false},
		{TLSOptions{Insecure: true}, "tls insecure", false},
		{TLSOptions{ServerName: right, CAFile: ca.file}, "tls sni a.example.org ca " + ca.file, true},
		{TLSOptions{ServerName: right, CAFile: spaced}, `tls sni a.example.org ca "` + spaced + `"`, true},
		{TLSOptions{ServerName: right, CAFile: ca.file, CertFile: certFile, KeyFile: keyFile},
			"tls sni a.example.org ca " + ca.file + " cert " + certFile + " " + keyFile, true},
	} {
		c := mustTLS(t, tt.opts)
		if c.Name() != tt.want {
			t.Errorf("name %s, want %s", c.Name(), tt.want)
		}
		if !strings.HasPrefix(c.Key(), tt.want) || (c.Key() != tt.want) != tt.files {
			t.Errorf("%s: key %s", tt.want, c.Key())
		}
		if c.Kind() != "tls" || c.Port() != 443 {
			t.Errorf("kind %s, port %d", c.Kind(), c.Port())
		}
	}
}

func TestTLSKeyFollowsContents(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	opts := TLSOptions{ServerName: right, CAFile: ca.file}
	before, again := mustTLS(t, opts).Key(), mustTLS(t, opts).Key()
	data, err := os.ReadFile(other.file)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, ca.file, data)
	after := mustTLS(t, opts).Key()
	if before != again || before == after {
		t.Errorf("keys of equal contents: %s and %s; of others: %s", before, again, after)
	}
}

// A CA file that was replaced is used from a second later on; one that cannot be used is not, and the check says why.
func TestTLSFilesAreFollowed(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	first, err := os.ReadFile(ca.file)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(other.file)
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(30 * time.Minute)
	dst := member(t, "127.0.0.1:0", speaksTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue(later, right)}}))
	c := mustTLS(t, TLSOptions{ServerName: right, CAFile: ca.file})
	files := c.(*tlsCheck).files
	wantTrouble := func(want string) {
		t.Helper()
		got := c.(Reloader).ReloadError()
		if (got == nil) != (want == "") || (got != nil && !strings.Contains(got.Error(), want)) {
			t.Errorf("reload error %v, want %q", got, want)
		}
	}
	wantResult(t, c, dst, enough, health.Pass, "")

	for _, step := range []struct {
		name    string
		data    []byte
		outcome health.Outcome
		reason  string
		trouble string
	}{
		{"a bad file keeps the old one", []byte("rubbish"), health.Pass, "", "ca.pem: no certificate in it"},
		{"another authority", second, health.Fail, "certificate signed by an unknown authority", ""},
		{"the first again", first, health.Pass, "", ""},
		{"bad again", nil, health.Pass, "", "ca.pem: the file is empty"},
		{"as it was", first, health.Pass, "", ""},
	} {
		replace(t, ca.file, step.data)
		files.nextLook.Store(0) // as if a second had passed
		wantResult(t, c, dst, enough, step.outcome, step.reason)
		wantTrouble(step.trouble)
		if t.Failed() {
			t.Fatal(step.name)
		}
	}

	if err := os.Remove(ca.file); err != nil {
		t.Fatal(err)
	}
	files.nextLook.Store(0)
	wantResult(t, c, dst, enough, health.Pass, "")
	wantTrouble("no such file")
}

func TestTLSFilesAreLookedAtOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		files := mustTLS(t, TLSOptions{ServerName: right, CAFile: ca.file}).(*tlsCheck).files
		before := files.current()
		replace(t, ca.file, []byte("rubbish"))
		time.Sleep(lookEvery - 1)
		if files.current(); files.reloadError() != nil {
			t.Error("looked too early")
		}
		time.Sleep(time.Nanosecond)
		if files.current() != before || files.reloadError() == nil {
			t.Error("did not look, or use what it should not")
		}
	})
}
