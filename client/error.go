package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"syscall"

	"example.org/healthlb/api"
)

// Error is the responder's word that it did not do what it was asked to.
type Error struct {
	api.Problem
	Server string // as Client.Server has it
}

// Error is the problem in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("healthlb at %s: %d %s: %s", e.Server, e.Status, e.Title, e.Detail)
}

// refusal makes an error of an answer that is none of 2xx.
func (c *Client) refusal(r *http.Response, body []byte) error {
	e := &Error{Server: c.server.shown}
	form, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if form != "application/problem+json" || json.Unmarshal(body, &e.Problem) != nil {
		e.Problem = api.Problem{Type: "about:blank", Detail: "without a reason: is this healthlb's admin endpoint?"}
		if r.StatusCode/100 == 3 {
			e.Detail = "it sends the call elsewhere, where it is not followed to: name the right server"
		}
	}
	e.Status = r.StatusCode
	e.Title = cmp.Or(e.Title, http.StatusText(r.StatusCode))
	e.Detail = c.token.redact(e.Detail)
	return e
}

// silence makes an error of a call that has got no answer.
func (c *Client) silence(ctx context.Context, err error) error {
	var wrapped *url.Error // says the URL, where a socket's path is not in
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("healthlb at %s does not answer: %w", c.server, err)
}

// StatusOf is the HTTP status of an *Error, and 0 of any other error.
func StatusOf(err error) int {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// IsStatus tells whether an error is an *Error with one of these statuses.
func IsStatus(err error, statuses ...int) bool {
	status := StatusOf(err)
	return status != 0 && slices.Contains(statuses, status)
}

// isRefusal tells whether an error is the responder's word that a call was wrong in itself, so that it makes no sense to repeat it as it
// is. What is not there may come, and what is in the way may go.
func isRefusal(err error) bool {
	status := StatusOf(err)
	switch status {
	case http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status/100 == 3 || status/100 == 4
}

// sameTrouble tells whether two errors, or none, say the same. Those of the system do so although they name other ports.
func sameTrouble(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	var one, other syscall.Errno
	if errors.As(a, &one) && errors.As(b, &other) {
		return one == other
	}
	return a.Error() == b.Error()
}
