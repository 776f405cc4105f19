package webhook

import (
	"crypto/x509"
	"fmt"
	"strings"

	"example.org/healthlb/plugin/healthlb/stamp"
)

// maxFile is the largest file read, in bytes: the certificates of all authorities that browsers know are a quarter of it.
const maxFile = 1 << 20

// readFile reads a small file, called what in errors.
func readFile(what, name string) ([]byte, error) {
	data, err := stamp.Read(name, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return data, nil
}

// readSecret reads a secret: the whole file, without the newline that editors put at its end; nil if there is no file.
func readSecret(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	data, err := readFile("secret file", name)
	if err != nil {
		return nil, err
	}
	secret := []byte(strings.TrimRight(string(data), "\r\n"))
	if len(secret) < minSecret {
		return nil, fmt.Errorf("secret file %s: the secret has %d bytes: want at least %d", name, len(secret), minSecret)
	}
	return secret, nil
}

// readCA reads the authorities that may vouch for the receiver; nil, the system's, if there is no file.
func readCA(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	pem, err := readFile("CA file", name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s: no certificate in it: want one or more in PEM", name)
	}
	return pool, nil
}
