package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAnswer is how much of an answer is read, in bytes: of its header, and of its body.
const maxAnswer = 64 << 10

// reply is what a post came to.
type reply struct {
	outcome Outcome
	why     string        // unless delivered
	wait    time.Duration // how long the receiver wants to be left alone at least
}

// post posts a text once.
func (h *Hook) post(ctx context.Context, text []byte) reply {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.settings.URL, bytes.NewReader(text))
	if err != nil {
		return reply{outcome: Dropped, why: "no URL to post to"} // Load knows better
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "healthlb")
	if secret := h.secret.Get(); secret != nil {
		req.Header.Set(SignatureHeader, sign(secret, text, time.Now()))
	}
	// A client would look where a redirect goes before it is told not to follow it.
	res, err := h.use(h.transport.Get()).RoundTrip(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return reply{outcome: Failed, why: fmt.Sprintf("no answer within %s", h.timeout)}
	case err != nil:
		return reply{outcome: Failed, why: err.Error()}
	}
	defer res.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // the status counts, whatever becomes of the rest
	if res.StatusCode/100 == 2 {
		return reply{outcome: Delivered}
	}
	r := reply{outcome: Dropped, why: explain(res.StatusCode, string(said))}
	if passing(res.StatusCode) {
		r.outcome, r.wait = Failed, retryAfter(res.Header.Get("Retry-After"), time.Now())
	}
	return r
}

// explain returns a status, and how the answer begins: a receiver may say there what is wrong.
func explain(status int, said string) string {
	const most = 200 // bytes
	why := "it answers " + strings.TrimSpace(strconv.Itoa(status)+" "+http.StatusText(status))
	if said = strings.TrimSpace(said); said != "" {
		why += fmt.Sprintf(" %.*q", most, said)
	}
	return why
}

// passing says whether a status stands for something that may pass: too slow (408), too early (425), too many (429), and all that is the
// server's own trouble.
func passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// maxRetryAfter is how long a receiver can have itself be left alone.
const maxRetryAfter = 10 * time.Minute

// retryAfter reads the header Retry-After: seconds, or a date (RFC 9110 section 10.2.3). What is neither is no wait.
func retryAfter(value string, now time.Time) time.Duration {
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return maxRetryAfter // digits, but too many
		}
		return min(maxRetryAfter, time.Duration(seconds)*time.Second)
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(maxRetryAfter, max(0, date.Sub(now)))
}
