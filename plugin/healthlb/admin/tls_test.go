package admin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// authority is a CA of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := new(authority)
	a.cert, a.key = sign(t, a, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign makes a certificate; the authority's own when it has none yet.
func sign(t *testing.T, a *authority, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (a *authority) server(t *testing.T, name string) (certPEM, keyPEM string) {
	t.Helper()
	cert, key := sign(t, a, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return encode("CERTIFICATE", cert.Raw), encode("PRIVATE KEY", der)
}

func (a *authority) client(t *testing.T, name string) tls.Certificate {
	t.Helper()
	cert, key := sign(t, a, &x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func (a *authority) pem() string { return encode("CERTIFICATE", a.cert.Raw) }

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// overTLS is a client that trusts an authority, with a certificate or none.
func overTLS(t *testing.T, s *Server, a *authority, own ...tls.Certificate) client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: own}}
	t.Cleanup(transport.CloseIdleConnections)
	return client{&http.Client{Transport: transport, Timeout: patience}, "https://" + s.Addr().String()}
}

// secured writes a certificate and its key for settings.
func secured(t *testing.T, dir string, a *authority) Settings {
	t.Helper()
	cert, key := a.server(t, "first")
	return Settings{CertFile: writeFile(t, dir, "cert", cert), KeyFile: writeFile(t, dir, "key", key)}
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t, "ca")
	s := serve(t, secured(t, t.TempDir(), ca), new(fake))
	r := overTLS(t, s, ca).do(t, "GET", "/v1/pools", "")
	r.want(t, 200)
	if r.TLS.Version < tls.VersionTLS12 || r.ProtoMajor != 1 {
		t.Errorf("version %x, %s", r.TLS.Version, r.Proto)
	}
	conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	if r, err := clientOf(t, s).try("GET", "/v1/pools", ""); err == nil && r.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP gets %d", r.StatusCode)
	}
}

func TestClientCA(t *testing.T) {
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	dir := t.TempDir()
	settings := secured(t, dir, ca)
	settings.ClientCA = writeFile(t, dir, "ca", ca.pem())
	f := new(fake)
	s := serve(t, settings, f)

	known := overTLS(t, s, ca, ca.client(t, "ops"))
	known.do(t, "PUT", "/v1/blocklist", "").want(t, 200)
	if by := f.last().By; !strings.HasPrefix(by, "CN=ops from 127.0.0.1:") {
		t.Errorf("by %q", by)
	}
	for name, c := range map[string]client{"no certificate": overTLS(t, s, ca), "a stranger's": overTLS(t, s, ca, other.client(t, "ops"))} {
		if _, err := c.try("GET", "/v1/pools", ""); err == nil {
			t.Errorf("%s: let in", name)
		}
	}

	// Another CA takes the place of the first: it counts for open connections too.
	writeFile(t, dir, "ca", other.pem())
	r := known.do(t, "GET", "/v1/pools", "")
	r.problem(t, 403)
	if !r.Close {
		t.Error("the connection stays open")
	}
	overTLS(t, s, ca, other.client(t, "new")).do(t, "GET", "/v1/pools", "").want(t, 200)
}

func TestCertificateIsRotated(t *testing.T) {
	var w warnings
	ca := newAuthority(t, "ca")
	dir := t.TempDir()
	settings := secured(t, dir, ca)
	settings.Warn = w.add
	s := serve(t, settings, new(fake))
	served := func() string {
		t.Helper()
		r := overTLS(t, s, ca).do(t, "GET", "/v1/pools", "") // a new connection
		r.want(t, 200)
		return r.TLS.PeerCertificates[0].Subject.CommonName
	}
	if got := served(); got != "first" {
		t.Fatalf("serves %q", got)
	}
	cert, key := ca.server(t, "second")
	writeFile(t, dir, "cert", cert) // without its key yet
	if got := served(); got != "first" || len(w.take()) != 1 {
		t.Errorf("serves %q with half of a pair", got)
	}
	if got := served(); got != "first" || len(w.take()) != 0 {
		t.Errorf("serves %q with half of a pair, and warns again", got)
	}
	writeFile(t, dir, "key", key)
	if got := served(); got != "second" || len(w.take()) != 0 {
		t.Errorf("serves %q", got)
	}
	if err := os.Remove(settings.CertFile); err != nil {
		t.Fatal(err)
	}
	if got := served(); got != "second" || len(w.take()) != 1 {
		t.Errorf("serves %q when the file is gone", got)
	}
}

func TestBadTLSSettings(t *testing.T) {
	ca := newAuthority(t, "ca")
	dir := t.TempDir()
	good := secured(t, dir, ca)
	_, otherKey := ca.server(t, "other")
	junk := writeFile(t, dir, "junk", "junk")
	for name, settings := range map[string]Settings{
		"no key":                {CertFile: good.CertFile},
		"no certificate":        {KeyFile: good.KeyFile},
		"client CA without TLS": {ClientCA: writeFile(t, dir, "ca", ca.pem())},
		"missing":               {CertFile: dir + "/none", KeyFile: good.KeyFile},
		"not a pair":            {CertFile: good.CertFile, KeyFile: writeFile(t, dir, "otherkey", otherKey)},
		"no client CA in it":    {CertFile: good.CertFile, KeyFile: good.KeyFile, ClientCA: junk},
		"missing client CA":     {CertFile: good.CertFile, KeyFile: good.KeyFile, ClientCA: dir + "/none"},
	} {
		if _, err := Load(settings); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// throughSocket is the transport of a client over TLS that connects to a socket in the file system.
func throughSocket(t *testing.T, c client, path string) *http.Transport {
	t.Helper()
	transport := c.Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}
