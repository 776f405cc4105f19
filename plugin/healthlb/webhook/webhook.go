// Package webhook hands events on to a URL, by POST.
//
// A body is JSON: {"events": [...]}, with 1 to 100 events as /v1/events tells them, in the order of their ids. The receiver answers with
// 2xx when it has them. It gets each at least once, and knows those that it has by their ids: they rise. An event of the type gap says
// that there were more before it, which are lost.
//
// What fails for a reason that may pass is posted again, after 1s to 1 minute, or later if the receiver says so with Retry-After (10
// minutes at most), as long as the history keeps one of its events: no connection, no answer within 10s, and the statuses 408, 425, 429
// and 5xx. With any other status, redirects among them, the events of that post are dropped.
//
// With a secret, a post is signed. Its header Healthlb-Signature is t=SECONDS,v1=HEX: the time of the post, in seconds since 1970, and
// the HMAC-SHA256 (RFC 2104) by the secret of that number, a dot and the body. A receiver takes the body as it came, byte for byte:
//
//	printf '%s.%s' "$t" "$body" | openssl dgst -sha256 -hmac "$secret"
//
// and compares in a time that does not depend on what differs. It refuses posts whose time is long ago, for anyone can post again what he
// has seen. In Go, Verify does that.
package webhook

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/time/rate"

	"example.org/healthlb/plugin/healthlb/stamp"
)

// Settings say where events go. File names are absolute.
type Settings struct {
	URL        string // http or https
	SecretFile string // empty: posts are not signed
	CAFile     string // for https: those who may vouch for the receiver, in PEM; empty: the system's

	// Warn, when not nil, gets what an operator should know.
	Warn func(format string, args ...any)
	// Observe, when not nil, is told what became of each post, and how many events were in it.
	Observe func(outcome Outcome, events int)
}

// Outcome is what became of a post.
type Outcome string

const (
	Delivered Outcome = "delivered"
	Failed    Outcome = "failed"  // its events are posted again
	Dropped   Outcome = "dropped" // its events are not posted again; also told of events that the history has lost before they were posted
)

// Hook hands events on. Its files have been read, and are read again when they change.
type Hook struct {
	settings  Settings
	receiver  string // its scheme and host, for warnings; the rest of a URL may be what lets in
	secret    *stamp.Watched[[]byte]
	transport *stamp.Watched[*http.Transport]
	used      *http.Transport // by the last post; nil: by none
	timeout   time.Duration   // of a post, from the connection to the end of the answer
	retrying  *sparingly
	dropping  *sparingly

	jitter func() float64                                        // evenly over [0, 1)
	after  func(d time.Duration) (<-chan time.Time, func() bool) // as time.NewTimer: its channel, and what stops it
}

// postTimeout is long enough for a receiver that writes to a slow disk before it answers.
const postTimeout = 10 * time.Second

// warnEvery is how often at most it is said that posts fail, and that events are dropped.
const warnEvery = time.Minute

// Load reads the files that settings name. It posts nothing.
func Load(settings Settings) (*Hook, error) {
	if settings.Warn == nil {
		settings.Warn = func(string, ...any) {}
	}
	if settings.Observe == nil {
		settings.Observe = func(Outcome, int) {}
	}
	receiver, err := receiverOf(settings.URL)
	if err != nil {
		return nil, fmt.Errorf("on_change: %w", err)
	}
	h := &Hook{
		settings: settings,
		receiver: receiver,
		timeout:  postTimeout,
		retrying: &sparingly{warn: settings.Warn, limit: rate.NewLimiter(rate.Every(warnEvery), 1)},
		dropping: &sparingly{warn: settings.Warn, limit: rate.NewLimiter(rate.Every(warnEvery), 1)},
		jitter:   rand.Float64,
		after:    timer,
	}
	if h.secret, err = watch(settings.SecretFile, settings.Warn, readSecret); err != nil {
		return nil, fmt.Errorf("on_change: %w", err)
	}
	if h.transport, err = watch(settings.CAFile, settings.Warn, newTransport); err != nil {
		return nil, fmt.Errorf("on_change: %w", err)
	}
	return h, nil
}

// watch reads a file, and again when it has changed: looking at it is little beside a post.
func watch[T any](file string, warn func(string, ...any), read func(string) (T, error)) (*stamp.Watched[T], error) {
	var files []string
	if file != "" {
		files = []string{file}
	}
	return stamp.Watch("on_change", files, 0, warn, func() (T, error) { return read(file) })
}

func timer(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}

// receiverOf returns the part of a URL that may be shown.
func receiverOf(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return "", errors.New("no URL to post to: want http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH]")
	}
	return u.Scheme + "://" + u.Host, nil
}
