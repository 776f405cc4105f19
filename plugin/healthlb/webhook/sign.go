package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SignatureHeader is the header with the signature of a post.
const SignatureHeader = "Healthlb-Signature"

// minSecret is the shortest secret taken, in bytes: 16 of base64 are 96 bits, of hexadecimal digits 64.
const minSecret = 16

// sign returns the header of a post at a time.
func sign(secret, body []byte, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	return "t=" + t + ",v1=" + hex.EncodeToString(digest(secret, t, body))
}

func digest(secret []byte, t string, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return mac.Sum(nil)
}

// What is wrong with a post, for receivers that answer the one or the other way.
var (
	ErrSignature = errors.New("not signed with this secret")
	ErrTime      = errors.New("not signed just now")
)

// Verify tells a receiver whether a post comes from somebody who has the secret: header is that of the name SignatureHeader, body what
// came, byte for byte, and the secret what is in the file, without the newline at its end. The time of signing may differ from now by
// tolerance either way, for example 5 minutes: that is how far clocks may be apart, and how long somebody who has seen a post can repeat
// it. Whoever cannot have that remembers the ids of events. Errors are ErrSignature or ErrTime, with more to say, or of a secret that is
// none.
func Verify(secret []byte, header string, body []byte, now time.Time, tolerance time.Duration) error {
	if len(secret) < minSecret {
		return fmt.Errorf("the secret has %d bytes: want at least %d", len(secret), minSecret)
	}
	t, signatures, err := parseSignature(header)
	if err != nil {
		return err
	}
	right, want := false, digest(secret, t, body)
	for _, signature := range signatures {
		given, err := hex.DecodeString(signature)
		right = right || err == nil && hmac.Equal(given, want)
	}
	if !right {
		return ErrSignature
	}
	seconds, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: no time in it", ErrTime)
	}
	// Both in seconds, as that is what is signed; Sub stops at the ends of its range, some 292 years.
	if at := time.Unix(seconds, 0); now.Truncate(time.Second).Sub(at).Abs() > tolerance {
		return fmt.Errorf("%w, but at %s: want at most %s from now", ErrTime, at.UTC().Format(time.RFC3339), tolerance)
	}
	return nil
}

// maxSignatures bounds the work for one header. There is one now; there may be two while a secret is replaced.
const maxSignatures = 8

// parseSignature reads NAME=VALUE pairs with commas in between, and leaves out names that are not known, as there may be more one day.
func parseSignature(header string) (t string, signatures []string, err error) {
	times := 0
	for pair := range strings.SplitSeq(header, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(pair), "="); name {
		case "t":
			t = value
			times++
		case "v1":
			signatures = append(signatures, value)
		}
	}
	if times != 1 || len(signatures) == 0 || len(signatures) > maxSignatures {
		return "", nil, fmt.Errorf("%w: want a header %s: t=SECONDS,v1=HEX", ErrSignature, SignatureHeader)
	}
	return t, signatures, nil
}
