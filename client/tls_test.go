package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t}
	cert, key, text := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.cert, a.key, a.pem = cert, key, text
	return a
}

func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// leaf writes a certificate and its key for a name and an address.
func (a *authority) leaf(name string, ip net.IP, certFile, keyFile string) {
	a.t.Helper()
	_, key, text := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{ip},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	writeFile(a.t, certFile, text)
	writeFile(a.t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	first.leaf("responder", net.IPv4(127, 0, 0, 1), file("server.pem"), file("server.key"))
	first.leaf("web7", net.IPv4(192, 0, 2, 1), file("client.pem"), file("client.key"))
	second.leaf("web8", net.IPv4(192, 0, 2, 2), file("other.pem"), file("other.key"))
	writeFile(t, file("ca.pem"), first.pem)

	clients := x509.NewCertPool()
	clients.AddCert(first.cert)
	clients.AddCert(second.cert)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"name":"`+r.TLS.PeerCertificates[0].Subject.CommonName+`"}`)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			cert, err := tls.LoadX509KeyPair(file("server.pem"), file("server.key"))
			return &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
				SessionTicketsDisabled: true}, err
		}}
	s.StartTLS()
	defer s.Close()
	settings := Settings{Server: s.URL, CAFile: file("ca.pem"), CertFile: file("client.pem"), KeyFile: file("client.key")}
	c := clientOf(t, settings)
	ask := func() (string, error) {
		c.Close() // as a new connection is what reads the files
		p, err := c.Pool(t.Context(), "www.")
		return p.Name, err
	}
	if name, err := ask(); err != nil || name != "web7" {
		t.Fatalf("%q, %v", name, err)
	}

	// The files are replaced under it.
	second.leaf("responder", net.IPv4(127, 0, 0, 1), file("server.pem"), file("server.key"))
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") || !strings.Contains(err.Error(), s.URL) {
		t.Errorf("a responder of another CA: %v", err)
	}
	writeFile(t, file("ca.pem"), second.pem)
	second.leaf("web9", net.IPv4(192, 0, 2, 1), file("client.pem"), file("client.key"))
	if name, err := ask(); err != nil || name != "web9" {
		t.Errorf("after the change: %q, %v", name, err)
	}
	second.leaf("responder", net.IPv4(127, 0, 0, 2), file("server.pem"), file("server.key"))
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "127.0.0.2, not 127.0.0.1") {
		t.Errorf("a responder of another address: %v", err)
	}
	writeFile(t, file("ca.pem"), nil)
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "no certificate in it") {
		t.Errorf("without a CA: %v", err)
	}

	// Without a CA of its own it trusts those that the system does, which is not this one.
	c = clientOf(t, Settings{Server: s.URL, CertFile: file("client.pem"), KeyFile: file("client.key")})
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("under the system's CAs: %v", err)
	}
}
