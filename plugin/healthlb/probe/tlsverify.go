package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strconv"
	"time"
)

// verify says what is wrong with the certificates that a member showed, its own first, when it should be name. What is wrong by nothing
// but a certificate that has run out is no error, and is told in expired.
func (v *tlsVersion) verify(shown []*x509.Certificate, name string, now time.Time) (expired string, err error) {
	leaf := shown[0]
	switch {
	case v.insecure && v.expiry && now.After(leaf.NotAfter):
		return hasExpired(leaf), nil
	case v.insecure:
		return "", nil
	case name == "": // NewTLS and NewHTTPS do not let it be; it would pass for any name
		return "", errors.New("tls: no name to verify")
	}

	opts := x509.VerifyOptions{DNSName: name, Roots: v.roots, CurrentTime: now, Intermediates: x509.NewCertPool()}
	for _, c := range shown[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err = leaf.Verify(opts); err == nil {
		return "", nil
	}

	// Was all well a second before something ran out?
	besides := err
	for _, c := range v.ended(shown, now) {
		opts.CurrentTime = c.NotAfter.Add(-time.Second)
		if _, besides = leaf.Verify(opts); besides == nil {
			if c != leaf {
				return "one of its issuers' " + hasExpired(c), nil
			}
			return hasExpired(c), nil
		}
	}
	if now.After(leaf.NotAfter) {
		err = expiredAnd{leaf, besides}
	}
	return "", &tls.CertificateVerificationError{UnverifiedCertificates: shown, Err: err}
}

// ended returns the certificates of a chain that have run out, be it only an issuer's, the last to do so first. A member may show as many
// as it likes, so only some are looked at.
func (v *tlsVersion) ended(shown []*x509.Certificate, now time.Time) []*x509.Certificate {
	const most = 4 // more than a chain has in earnest
	var ended []*x509.Certificate
	for _, c := range slices.Concat(shown, v.listed) {
		if now.After(c.NotAfter) {
			ended = append(ended, c)
		}
	}
	slices.SortStableFunc(ended, func(a, b *x509.Certificate) int { return b.NotAfter.Compare(a.NotAfter) })
	return ended[:min(len(ended), most)]
}

// expiredAnd is the error of a certificate that has run out and would not have done before that either.
type expiredAnd struct {
	cert    *x509.Certificate
	besides error
}

func (e expiredAnd) Error() string {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](e.besides); ok && invalid.Reason == x509.Expired {
		return hasExpired(e.cert) // there is no time at which all of the chain would have done
	}
	return hasExpired(e.cert) + "; besides: " + certificateReason(e.besides)
}

func hasExpired(c *x509.Certificate) string {
	return "certificate expired " + c.NotAfter.UTC().Format(time.DateOnly)
}

// days writes a duration in the largest unit that it is a whole number of, as people would in a Corefile: 30d, 36h.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	default:
		return d.String()
	}
}
