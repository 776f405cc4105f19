package admin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"example.org/healthlb/plugin/healthlb/stamp"
)

// readTLS reads a certificate, its key and, if named, the CAs of clients.
func readTLS(certFile, keyFile, clientCA string) (*tls.Config, error) {
	cert, err := readPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", certFile, keyFile, err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
		// A resumed session would carry a client's certificate past a change of the CAs.
		SessionTicketsDisabled: true,
	}
	if clientCA == "" {
		return config, nil
	}
	pem, err := stamp.Read(clientCA, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("client CA: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("client CA %s: no certificate in it: want one or more in PEM", clientCA)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}

// maxPEM is the largest file with certificates or keys read, in bytes: those of all authorities that browsers know are a quarter of it.
const maxPEM = 1 << 20

// readPair reads a certificate and its key.
func readPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := stamp.Read(certFile, maxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := stamp.Read(keyFile, maxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

// verifyClient checks a connection's client certificate as of now. The handshake did so too, but perhaps under other settings: the
// connection may be older than the CA's rotation, or than TLS itself here.
func verifyClient(config *tls.Config, state *tls.ConnectionState) error {
	if state == nil || len(state.PeerCertificates) == 0 {
		return errors.New("a client certificate is needed: connect anew with one")
	}
	options := x509.VerifyOptions{
		Roots: config.ClientCAs, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, cert := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(cert)
	}
	if _, err := state.PeerCertificates[0].Verify(options); err != nil {
		return fmt.Errorf("the client certificate is not accepted: %w", err)
	}
	return nil
}

// switching is a listener whose connections speak TLS or not, by the settings at the time they were accepted. The handshake, and the
// look at the certificate's files, are done by whoever first reads from the connection, so a stalled one holds nobody else up.
type switching struct {
	net.Listener
	server *Server
}

func (l switching) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	files := l.server.current.Load().endpoint.tls
	if files == nil {
		return conn, nil
	}
	return tls.Server(conn, &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return files.Get(), nil },
	}), nil
}
