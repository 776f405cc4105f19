package probe

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// tlsSession is a TLS connection, and what its handshake showed.
type tlsSession struct {
	*tls.Conn
	asked       bool // the member asked for a client certificate
	certificate certificate
}

// certificate is what a probe has learned of the certificates that a member showed.
type certificate struct {
	notAfter time.Time // when its own runs out; zero: none was shown
	expired  string    // what has run out, when nothing else is wrong; empty: nothing has
}

// handshake speaks TLS over conn with a member whose certificate must be for name, and that may choose one of protocols (ALPN). The
// session is returned also after an error, with what was learned until then.
func (a attempt) handshake(conn net.Conn, f *tlsFiles, name string, protocols []string) (*tlsSession, error) {
	v, s := f.current(), new(tlsSession)
	// There is no session cache: a resumed session would hide a certificate that was replaced or has expired.
	s.Conn = tls.Client(conn, &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: name,
		NextProtos: protocols,

		// The package's own verification knows no difference between a certificate that has run out and one that is wrong. The one here
		// does, and is otherwise the same. It is called at the same place of the handshake: before this side shows a certificate.
		InsecureSkipVerify: true,
		VerifyConnection: func(shown tls.ConnectionState) (err error) {
			s.certificate.notAfter = withinYears(shown.PeerCertificates[0].NotAfter)
			s.certificate.expired, err = v.verify(shown.PeerCertificates, name, time.Now())
			return err
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			s.asked = true
			return &v.client, nil
		},
	})
	// bind ends the handshake with ctx; a context that can end would cost a goroutine more.
	err := s.HandshakeContext(context.Background())
	if a.trace != nil {
		a.traceHandshake(s, err)
	}
	return s, err
}

// traceHandshake writes down what a handshake agreed on, and what certificate it showed.
func (a attempt) traceHandshake(s *tlsSession, err error) {
	state := s.ConnectionState()
	if err == nil {
		a.trace.step("handshake", "%s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	}
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		a.trace.step("certificate", "for %s, until %s", certificateNames(leaf), leaf.NotAfter.UTC().Format(time.RFC3339))
	}
}

// judge adds what is known of the member's certificate to the result of the rest of a probe. One that has run out fails it if nothing
// else did, and then that is all that is wrong.
func (c certificate) judge(r Result) Result {
	if r.Outcome == health.Pass && c.expired != "" {
		r = fail(c.expired)
		r.Excused = true
	}
	r.NotAfter = c.notAfter
	return r
}

// and is what is known after another handshake: of the certificate that runs out first.
func (c certificate) and(other certificate) certificate {
	if c.notAfter.IsZero() || !other.notAfter.IsZero() && other.notAfter.Before(c.notAfter) {
		c.notAfter = other.notAfter
	}
	if c.expired == "" {
		c.expired = other.expired
	}
	return c
}

// lastMoment is the last one that RFC 3339 has a word for, and with it JSON.
var lastMoment = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

// withinYears returns a time as one that can be written down. A certificate may say the last second of the year 9999 of any place in the
// world, which is in the year 10000 elsewhere.
func withinYears(t time.Time) time.Time {
	if t = t.UTC(); t.After(lastMoment) {
		return lastMoment
	}
	return t
}
