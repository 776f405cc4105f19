package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// handshakeFailed is the result of a probe whose TLS handshake ended with err.
func (a attempt) handshakeFailed(err error) Result {
	var (
		verify *tls.CertificateVerificationError
		record tls.RecordHeaderError
		remote *net.OpError
	)
	switch {
	case errors.As(err, &verify):
		return fail(certificateReason(verify.Err))
	case errors.As(err, &record):
		return fail(fmt.Sprintf("not TLS: first bytes %q", record.RecordHeader[:]))
	case errors.As(err, &remote) && remote.Op == "remote error":
		return fail("TLS handshake: the member says " + bare(remote.Err))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fail("TLS handshake: connection closed")
	case strings.HasPrefix(err.Error(), "tls: "):
		return fail("TLS handshake: " + bare(err))
	default:
		return a.failed("handshake", err)
	}
}

// bare is the text of an error of crypto/tls without the package's name.
func bare(err error) string { return strings.TrimPrefix(err.Error(), "tls: ") }

// certificateReason says what is wrong with a certificate.
func certificateReason(err error) string {
	var (
		both    expiredAnd
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &both):
		return both.Error()
	case errors.As(err, &host):
		return fmt.Sprintf("certificate is for %s, not %s", certificateNames(host.Certificate), host.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if cert := invalid.Cert; time.Now().Before(cert.NotBefore) {
			return "certificate not valid before " + cert.NotBefore.UTC().Format(time.DateOnly)
		}
		return hasExpired(invalid.Cert)
	case errors.As(err, &unknown):
		return "certificate signed by an unknown authority"
	default:
		return "certificate: " + strings.TrimPrefix(err.Error(), "x509: ")
	}
}

// certificateNames lists what a certificate is for; the first few, since some have hundreds. The common name counts for nothing
// (RFC 9525 section 2).
func certificateNames(cert *x509.Certificate) string {
	const most = 3
	names := slices.Clone(cert.DNSNames) // crypto/tls shares parsed certificates between connections
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	switch n := len(names); {
	case n == 0:
		return "no name"
	case n > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n-most)
	default:
		return strings.Join(names, ", ")
	}
}
