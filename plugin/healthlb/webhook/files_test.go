package webhook

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	short := writeFile(t, dir, "short", "0123456789abcde\r\n\n")
	empty := writeFile(t, dir, "empty", "")
	text := writeFile(t, dir, "text", "no certificate")
	large := writeFile(t, dir, "large", strings.Repeat("x", maxFile+1))
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	const url = "https://receiver.example.org/"
	for _, tc := range []struct {
		name string
		s    Settings
		want string
	}{
		{"no secret file", Settings{URL: url, SecretFile: dir + "/none"}, "on_change: secret file: open " + dir + "/none: no such file or directory"},
		{"a directory as the secret", Settings{URL: url, SecretFile: dir}, "on_change: secret file: " + dir + " is no regular file"},
		{"a pipe as the secret", Settings{URL: url, SecretFile: fifo}, "on_change: secret file: " + fifo + " is no regular file"},
		{"short secret", Settings{URL: url, SecretFile: short}, "on_change: secret file " + short + ": the secret has 15 bytes: want at least 16"},
		{"empty secret", Settings{URL: url, SecretFile: empty}, "on_change: secret file " + empty + ": the secret has 0 bytes: want at least 16"},
		{"large secret", Settings{URL: url, SecretFile: large}, "on_change: secret file: " + large + " is too large: want at most 1048576 bytes"},
		{"no CA file", Settings{URL: url, CAFile: dir + "/none"}, "on_change: CA file: open " + dir + "/none: no such file or directory"},
		{"no certificate", Settings{URL: url, CAFile: text}, "on_change: CA file " + text + ": no certificate in it: want one or more in PEM"},
		{"no URL", Settings{}, ""},
		{"no host", Settings{URL: "http://:80"}, ""},
		{"another scheme", Settings{URL: "ftp://host"}, ""},
		{"user info", Settings{URL: "http://me:password@host"}, ""},
		{"fragment", Settings{URL: "http://host/#f"}, ""},
		{"garbage", Settings{URL: "http://a b/"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := tc.want
			if want == "" {
				want = "on_change: no URL to post to: want http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH]"
			}
			if _, err := Load(tc.s); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestLoadNeedsNobody(t *testing.T) {
	h, err := Load(Settings{URL: "https://receiver.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	h.settings.Warn("nobody hears %s", "this")
	h.settings.Observe(Delivered, 1)
	if h.transport.Get().Proxy != nil {
		t.Error("a proxy of the environment is used")
	}
	over, stop := h.after(time.Nanosecond)
	defer stop()
	select {
	case <-over:
	case <-time.After(patience):
		t.Error("a wait is never over")
	}
}

func TestSecretIsFollowed(t *testing.T) {
	dir := t.TempDir()
	file := writeFile(t, dir, "secret", secret+"\n")
	r := newReceiver(t)
	h, j := mustLoad(t, Settings{URL: r.URL, SecretFile: file})
	log := newLog(8, 0)
	stop := run(t, h, log, 0)
	signed := func(what, secret string) {
		t.Helper()
		tell(log, 1)
		p := r.next(t)
		if err := Verify([]byte(secret), p.Header.Get(SignatureHeader), p.text, time.Now(), time.Hour); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	signed("at start", secret)
	writeFile(t, dir, "secret", "another-0123456789abcdef\r\n")
	signed("another", "another-0123456789abcdef")
	if err := os.WriteFile(file, []byte("a-third-0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	signed("written in place, as long as before", "a-third-0123456789abcdef")
	writeFile(t, dir, "secret", "short")
	signed("bad: the old one stays", "a-third-0123456789abcdef")
	signed("still bad", "a-third-0123456789abcdef")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	signed("gone: the old one stays", "a-third-0123456789abcdef")
	writeFile(t, dir, "secret", secret)
	signed("back", secret)
	stop()
	if len(j.warnings) != 2 || strings.Contains(strings.Join(j.warnings, ""), "0123456789") ||
		!strings.HasPrefix(j.warnings[0], "on_change: what was read before stays in force: secret file "+file+": ") {
		t.Errorf("warnings %q", j.warnings)
	}
}

func inPEM(certificate []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
}

// stranger returns an authority that vouches for nobody but itself.
func stranger(t *testing.T) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return inPEM(certificate)
}

func TestAuthoritiesAreFollowed(t *testing.T) {
	dir := t.TempDir()
	r := quietTLS(t)
	file := writeFile(t, dir, "ca", stranger(t))
	h, j := mustLoad(t, Settings{URL: r.URL, CAFile: file})
	log := newLog(8, 1)
	stop := run(t, h, log, 0)
	j.waitFor(t, Failed, 1)
	writeFile(t, dir, "ca", inPEM(r.Certificate().Raw))
	wantEvents(t, r.next(t).events, 0, 1)
	j.waitFor(t, Delivered, 1)
	failed := 0
	j.read(func() { failed = j.outcomes[Failed] })
	writeFile(t, dir, "ca", stranger(t))
	tell(log, 1)
	j.waitFor(t, Failed, failed+1)
	stop()
	if len(r.posts) > 0 {
		t.Error("it was posted to over the connection that another authority had vouched for")
	}
	if !strings.Contains(j.warnings[0], "certificate signed by unknown authority") {
		t.Errorf("got %q", j.warnings)
	}
}

// quietTLS returns a receiver that speaks TLS, and does not log who hangs up in the handshake.
func quietTLS(t *testing.T) *receiver {
	t.Helper()
	r := unstarted(t)
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.StartTLS()
	return r
}

func TestSystemsAuthorities(t *testing.T) {
	r := quietTLS(t)
	h, j := mustLoad(t, Settings{URL: r.URL})
	run(t, h, newLog(8, 1), 0)
	j.waitFor(t, Failed, 1)
	if len(r.posts) > 0 {
		t.Error("it was posted to")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, "007": 7 * time.Second, "600": 10 * time.Minute, "601": 10 * time.Minute,
		"4294967296": 10 * time.Minute, strings.Repeat("9", 1000): 10 * time.Minute,
		"-1": 0, "+1": 0, "1.5": 0, "1s": 0, " 1": 0, "soon": 0,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
		now.Add(time.Hour).Format(http.TimeFormat):    10 * time.Minute,
		"Sunday, 06-Nov-94 08:49:37 GMT":              0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%.40q: got %s, want %s", value, got, want)
		}
	}
}

// FuzzRetryAfter reads any header.
func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "120", "99999999999999999999", "-1", "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 0000 07:28:00 GMT"} {
		f.Add(value)
	}
	now := time.Now()
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(value, now); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %s", value, d)
		}
	})
}
