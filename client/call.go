package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The longest answers taken, in bytes.
const (
	maxList   = 64 << 20
	maxAnswer = 1 << 20
)

// The forms of bodies.
const (
	mediaJSON   = "application/json"
	mediaText   = "text/plain"
	mediaEvents = "text/event-stream"
)

// call is one call of the API.
type call struct {
	method string
	path   string // made by pathOf
	query  url.Values
	header map[string]string // what is empty is left out
	send   any               // the body, in JSON; nil: none
	text   []byte            // the body, when send is nil; nil: none
	accept string            // empty: JSON
	most   int64             // the longest answer, in bytes; 0: maxAnswer
}

// pathOf is a path below /v1, in which any word may stand.
func pathOf(words ...string) string {
	var b strings.Builder
	b.WriteString("/v1")
	for _, word := range words {
		b.WriteByte('/')
		if strings.Trim(word, ".") == "" { // . and .. would be steps of the path
			b.WriteString(strings.Repeat("%2E", len(word)))
			continue
		}
		b.WriteString(url.PathEscape(word))
	}
	return b.String()
}

// request makes the HTTP request of a call.
func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	body, form := k.text, mediaText+"; charset=utf-8"
	if k.send != nil {
		var err error
		if body, err = json.Marshal(k.send); err != nil {
			return nil, fmt.Errorf("%s %s: %w", k.method, k.path, err)
		}
		form = mediaJSON
	}
	target := c.server.base + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, k.method, target, nil)
	if err != nil {
		return nil, fmt.Errorf("%s %s at %s: %w", k.method, k.path, c.server, err)
	}
	if body != nil {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		r.Header.Set("Content-Type", form)
		if len(body) == 0 {
			r.Body = http.NoBody
		}
	}
	for name, value := range k.header {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	r.Header.Set("User-Agent", c.agent)
	r.Header.Set("Accept", mediaJSON)
	if k.accept != "" {
		r.Header.Set("Accept", k.accept)
	}
	token, err := c.token.get()
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r, nil
}

// do makes a call, and returns its answer, which is one of 2xx.
func (c *Client) do(ctx context.Context, k call) (http.Header, []byte, error) {
	ctx, cancel := withTimeout(ctx, c.timeout)
	defer cancel()
	request, err := c.request(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	r, err := c.http.Do(request)
	if err != nil {
		return nil, nil, c.silence(ctx, err)
	}
	defer r.Body.Close()
	most := max(k.most, maxAnswer)
	if r.StatusCode/100 != 2 {
		most = maxAnswer
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	switch {
	case err != nil:
		return nil, nil, c.silence(ctx, err)
	case int64(len(body)) > most:
		return nil, nil, fmt.Errorf("healthlb at %s: the answer to %s %s is longer than %d bytes", c.server, k.method, k.path, most)
	case r.StatusCode/100 != 2:
		return nil, nil, c.refusal(r, body)
	}
	return r.Header, body, nil
}

// ask makes a call whose answer is a T in JSON.
func ask[T any](ctx context.Context, c *Client, k call) (T, error) {
	answer, _, err := askHeader[T](ctx, c, k)
	return answer, err
}

// askHeader is ask with the answer's header.
func askHeader[T any](ctx context.Context, c *Client, k call) (answer T, header http.Header, err error) {
	header, body, err := c.do(ctx, k)
	if err != nil {
		return answer, nil, err
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		var none T
		return none, nil, fmt.Errorf("healthlb at %s: the answer to %s %s is not understood: %w: is this its admin endpoint?",
			c.server, k.method, k.path, err)
	}
	return answer, header, nil
}

// withTimeout bounds a call. Its error then says how long was waited.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, timeoutError{d})
}

// timeoutError says that a call took too long. It is a context.DeadlineExceeded.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string { return "not within " + e.after.String() }
func (e timeoutError) Unwrap() error { return context.DeadlineExceeded }
