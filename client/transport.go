package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	dialTimeout = 10 * time.Second // to connect, and for the TLS handshake
	idleTimeout = 50 * time.Second // between two calls of a connection: a little less than the responder's minute
)

// newHTTP makes what calls go through.
func newHTTP(s Settings, to server) (*http.Client, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: dialTimeout,
		IdleConnTimeout:     idleTimeout,
		MaxIdleConnsPerHost: 4,
		DisableCompression:  true, // answers are bounded by what comes over the wire
	}
	if to.socket != "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", to.socket)
		}
	}
	if !to.loopback() {
		transport.Proxy = http.ProxyFromEnvironment
	}
	var err error
	if transport.TLSClientConfig, err = newTLS(s, to); err != nil {
		return nil, err
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is for one server
	}, nil
}

// newTLS is how the two sides convince each other; nil without https. The files are read at each handshake, as a server that registers
// itself may outlive them.
func newTLS(s Settings, to server) (*tls.Config, error) {
	switch {
	case (s.CertFile == "") != (s.KeyFile == ""):
		return nil, errors.New("a certificate and its key go together: name both or none")
	case !to.secure && (s.CAFile != "" || s.CertFile != ""):
		return nil, fmt.Errorf("a CA or a certificate is named, but the server is %s: want https://HOST:PORT", to)
	case !to.secure:
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CertFile != "" {
		read := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("certificate %s with key %s: %w", s.CertFile, s.KeyFile, err)
			}
			return &cert, nil
		}
		if _, err := read(nil); err != nil {
			return nil, err
		}
		config.GetClientCertificate = read
	}
	if s.CAFile != "" {
		if _, err := readCAs(s.CAFile); err != nil {
			return nil, err
		}
		// A config's own roots cannot change, so its check is left out and done here, in the way of crypto/tls itself.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error {
			roots, err := readCAs(s.CAFile)
			if err != nil {
				return err
			}
			return verify(state.PeerCertificates, to.host, roots)
		}
	}
	return config, nil
}

func readCAs(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("CA: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA %s: no certificate in it: want one or more in PEM", file)
	}
	return roots, nil
}

// verify checks a responder's certificate, which a client gets in every handshake.
func verify(chain []*x509.Certificate, host string, roots *x509.CertPool) error {
	options := x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: x509.NewCertPool()}
	for _, cert := range chain[1:] {
		options.Intermediates.AddCert(cert)
	}
	_, err := chain[0].Verify(options)
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
	}
	return nil
}
