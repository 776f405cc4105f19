package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

var quietLog = log.New(io.Discard, "", 0)

// below returns an authority that a vouches for until end, with its certificate in the form of a chain.
func (a *authority) below(end time.Time) (*authority, []byte) {
	a.t.Helper()
	b := &authority{t: a.t, key: newKey(a.t)}
	der := sign(a.t, &x509.Certificate{
		SerialNumber: serial(a.t), Subject: pkix.Name{CommonName: "intermediate CA"}, NotBefore: end.Add(-2 * time.Hour), NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, a.cert, b.key, a.key)
	b.cert, _ = x509.ParseCertificate(der)
	return b, der
}

func sign(t testing.TB, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// selfSigned returns a certificate that vouches for itself until end.
func selfSigned(t testing.TB, end time.Time, names ...string) tls.Certificate {
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: serial(t), Subject: pkix.Name{CommonName: "self"}, NotBefore: end.Add(-2 * time.Hour),
		NotAfter: end, DNSNames: names, KeyUsage: x509.KeyUsageDigitalSignature}
	return tls.Certificate{Certificate: [][]byte{sign(t, template, template, key, key)}, PrivateKey: key}
}

// rooted returns an authority whose own certificate is good until end only.
func rooted(t testing.TB, end time.Time) *authority {
	a := &authority{t: t, key: newKey(t), file: filepath.Join(t.TempDir(), "ca.pem")}
	template := &x509.Certificate{SerialNumber: serial(t), Subject: pkix.Name{CommonName: "old CA"}, NotBefore: end.Add(-3 * time.Hour),
		NotAfter: end, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der := sign(t, template, template, a.key, a.key)
	a.cert, _ = x509.ParseCertificate(der)
	replace(t, a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

// What a certificate does to a probe: of tls, and of https, whose answer may be wrong besides.
func TestCertificates(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	now := time.Now()
	later, ago, longer := now.Add(30*time.Minute), now.Add(-5*time.Minute), now.Add(-20*time.Minute)
	future := now.Add(3 * time.Hour)
	day := func(at time.Time) string { return at.UTC().Format(time.DateOnly) }
	expired := "certificate expired " + day(ago)

	fresh, freshLink := ca.below(later)
	stale, staleLink := ca.below(ago)
	staler, stalerLink := ca.below(longer)
	chain := func(a *authority, link []byte, end time.Time, names ...string) tls.Certificate {
		c := a.issue(end, names...)
		c.Certificate = append(c.Certificate, link)
		return c
	}
	oldRoot := rooted(t, ago)
	two := rooted(t, longer.Add(-time.Hour)) // the file has another root, which ran out long ago
	replace(t, two.file, append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: two.cert.Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})...))

	verified := TLSOptions{ServerName: right, CAFile: ca.file}
	for _, tt := range []struct {
		name    string
		shown   tls.Certificate
		opts    TLSOptions
		outcome health.Outcome
		reason  string
		excused bool
	}{
		{"good", ca.issue(later, right), verified, health.Pass, "", false},
		{"good by an intermediate", chain(fresh, freshLink, later, right), verified, health.Pass, "", false},
		{"expired", ca.issue(ago, right), verified, health.Fail, expired, true},
		{"expired, with expiry", ca.issue(ago, right), TLSOptions{ServerName: right, CAFile: ca.file, Expiry: time.Hour}, health.Fail, expired, true},
		{"expired, where a root did long before", ca.issue(ago, right), TLSOptions{ServerName: right, CAFile: two.file}, health.Fail, expired, true},
		{"expired below an intermediate", chain(fresh, freshLink, ago, right), verified, health.Fail, expired, true},
		{"expired, and wrong", ca.issue(ago, wrong), verified, health.Fail,
			expired + "; besides: certificate is for b.example.org, not a.example.org", false},
		{"expired, and unknown", other.issue(ago, right), verified, health.Fail,
			expired + "; besides: certificate signed by an unknown authority", false},
		{"expired, and self-signed", selfSigned(t, ago, right), verified, health.Fail,
			expired + "; besides: certificate signed by an unknown authority", false},
		{"expired before its authority was", ca.issue(now.AddDate(-1, 0, 0), right), verified, health.Fail,
			"certificate expired " + day(now.AddDate(-1, 0, 0)), false},
		{"expired intermediate", chain(stale, staleLink, later, right), verified, health.Fail, "one of its issuers' " + expired, true},
		{"expired intermediate, and wrong", chain(stale, staleLink, later, wrong), verified, health.Fail,
			"certificate is for b.example.org, not a.example.org", false},
		{"expired after its intermediate", chain(staler, stalerLink, ago, right), verified, health.Fail,
			"one of its issuers' certificate expired " + day(longer), true},
		{"expired root", oldRoot.issue(later, right), TLSOptions{ServerName: right, CAFile: oldRoot.file}, health.Fail,
			"one of its issuers' " + expired, true},
		{"not yet valid", ca.issue(future, right), verified, health.Fail,
			"certificate not valid before " + day(future.Add(-2*time.Hour)), false},
		{"wrong name", ca.issue(later, wrong), verified, health.Fail, "certificate is for b.example.org, not a.example.org", false},
		{"unknown CA", other.issue(later, right), verified, health.Fail, "certificate signed by an unknown authority", false},
		{"self-signed", selfSigned(t, later, right), verified, health.Fail, "certificate signed by an unknown authority", false},

		{"insecure: anything", other.issue(ago, wrong), TLSOptions{ServerName: right, Insecure: true}, health.Pass, "", false},
		{"insecure with expiry: wrong", other.issue(later, wrong), TLSOptions{Insecure: true, Expiry: time.Hour}, health.Pass, "", false},
		{"insecure with expiry: expired", other.issue(ago, wrong), TLSOptions{Insecure: true, Expiry: time.Hour}, health.Fail, expired, true},
		{"insecure with expiry: not yet valid", ca.issue(future, right), TLSOptions{Insecure: true, Expiry: time.Hour}, health.Pass, "", false},
	} {
		leaf, err := x509.ParseCertificate(tt.shown.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		dst := secureSite(t, tt.shown, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/bad":
				w.WriteHeader(500)
			case "/lame":
				http.Error(w, "draining", http.StatusServiceUnavailable)
			}
		})
		probe := func(t *testing.T, c Check, outcome health.Outcome, reason string, excused bool) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			defer cancel()
			got := c.Probe(ctx, Route{To: dst})
			if got.Outcome != outcome || got.Reason != reason || got.Excused != excused {
				t.Errorf("%s: got %v %q, excused %v; want %v %q, %v", c.Name(), got.Outcome, got.Reason, got.Excused, outcome, reason, excused)
			}
			if !got.NotAfter.Equal(leaf.NotAfter) {
				t.Errorf("%s: the certificate runs out %v, want %v", c.Name(), got.NotAfter, leaf.NotAfter)
			}
		}
		t.Run(tt.name, func(t *testing.T) {
			probe(t, mustTLS(t, tt.opts), tt.outcome, tt.reason, tt.excused)
			probe(t, mustHTTPS(t, HTTPOptions{Host: right}, tt.opts), tt.outcome, tt.reason, tt.excused)

			// Whoever is excused is not for what is wrong besides.
			bad, lame := HTTPOptions{Path: "/bad"}, HTTPOptions{Path: "/lame", Lame: []byte("draining")}
			if tt.outcome == health.Pass || tt.excused {
				probe(t, mustHTTPS(t, bad, tt.opts), health.Fail, "status 500 Internal Server Error", false)
				probe(t, mustHTTPS(t, lame, tt.opts), health.LameDuck, `status 503 Service Unavailable, and the body says "draining"`, false)
			} else {
				probe(t, mustHTTPS(t, bad, tt.opts), tt.outcome, tt.reason, false)
			}
		})
	}
}

// A member whose certificate has run out is not excused when it refuses ours besides, and what it showed is known.
func TestExpiredAndRefusing(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	ago := time.Now().Add(-5 * time.Minute)
	opts := TLSOptions{ServerName: right, CAFile: ca.file}
	opts.CertFile, opts.KeyFile = save(t, other.issue(time.Now().Add(time.Hour), "prober"))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{Certificates: []tls.Certificate{ca.issue(ago, right)}, ClientCAs: ca.pool(),
			ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: version}
		dst := secureSiteOf(t, config, serves(200, "ok"))
		for _, c := range []Check{mustTLS(t, opts), mustHTTPS(t, HTTPOptions{}, opts)} {
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			got := c.Probe(ctx, Route{To: dst})
			cancel()
			if got.Outcome != health.Fail || got.Excused || got.NotAfter.Unix() != ago.Unix() {
				t.Errorf("%s by %s: %+v", c.Kind(), tls.VersionName(version), got)
			}
		}
	}
}

func TestExpiryIsInTheName(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                     "tls insecure",
		time.Hour:             "tls insecure expiry 1h",
		36 * time.Hour:        "tls insecure expiry 36h",
		30 * 24 * time.Hour:   "tls insecure expiry 30d",
		90 * time.Minute:      "tls insecure expiry 1h30m0s",
		365*24*time.Hour - 10: "tls insecure expiry 8759h59m59.99999999s",
	} {
		c := mustTLS(t, TLSOptions{Insecure: true, Expiry: d})
		if c.Name() != want || c.(Expirer).Expiry() != d {
			t.Errorf("%v: %s, want %s", d, c.Name(), want)
		}
	}
}

// A name must be there: without one, every certificate that somebody trusts would do.
func TestNoNameVerifiesNothing(t *testing.T) {
	ca := newAuthority(t)
	leaf, err := x509.ParseCertificate(ca.issue(time.Now().Add(time.Hour), right).Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	v := tlsVersion{roots: ca.pool()}
	if _, err := v.verify([]*x509.Certificate{leaf}, "", time.Now()); err == nil {
		t.Error("no error")
	}
	if _, err := v.verify([]*x509.Certificate{leaf}, right, time.Now()); err != nil {
		t.Error(err)
	}
}
