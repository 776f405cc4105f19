package probe

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// HTTPOptions say what is asked, and what must come back.
type HTTPOptions struct {
	Path   string         // with its query, as it stands in a request; empty: /
	Host   string         // what the Host header says: a name or an address, maybe with a port; empty: the member's address
	Method string         // empty: GET; not CONNECT, to which other rules apply
	Header []HeaderField  // sent besides, or instead of, what is always sent
	Status StatusSet      // which statuses pass; empty: 200-299
	Body   []byte         // must be contained in the first 64 KiB of the body; empty: need not
	Regexp *regexp.Regexp // must match them, see CompileBody; nil: need not
	Lame   []byte         // a 503 with this in the first 64 KiB of its body is no failure but a wish for no traffic; empty: none is
	Follow int            // how many redirects are followed
}

// HeaderField is a line of a request's header. Neither part has control characters, and the name is a token (RFC 9110 section 5.6.2).
type HeaderField struct{ Name, Value string }

// httpCheck is a check http or https. It speaks HTTP/1.1 by itself: net/http's Transport would keep two goroutines and a pool for every
// connection, decode what was not asked for, and hide what went wrong on the way.
type httpCheck struct {
	kind  string
	port  uint16
	opts  HTTPOptions
	name  string
	key   string
	first []byte // the first request; nil: it depends on the member

	secured TLSOptions // of https
	files   *tlsFiles  // with what to speak TLS, be it only after a redirect
}

// NewHTTP returns the check that sends a request and judges the answer. Where a redirect leads to https, certificates are verified against
// the system's roots.
func NewHTTP(port uint16, opts HTTPOptions) (Check, error) {
	c, err := newHTTP("http", port, opts, TLSOptions{})
	if err != nil {
		return nil, err
	}
	c.files = noTLSFiles()
	return c, nil
}

// NewHTTPS returns the check that does so over TLS. What NewTLS says of files holds here, too.
func NewHTTPS(port uint16, opts HTTPOptions, secured TLSOptions) (Check, error) {
	c, err := newHTTP("https", port, opts, secured)
	if err != nil {
		return nil, err
	}
	if c.files, err = newTLSFiles(secured); err != nil {
		return nil, err
	}
	c.key += c.files.keyed()
	return c, nil
}

func newHTTP(kind string, port uint16, opts HTTPOptions, secured TLSOptions) (*httpCheck, error) {
	if opts.Path == "" {
		opts.Path = "/"
	}
	if opts.Method == "" {
		opts.Method = http.MethodGet
	}
	if opts.Status == (StatusSet{}) {
		opts.Status.Add(200, 299)
	}
	if opts.Method == http.MethodHead && (len(opts.Body) > 0 || opts.Regexp != nil || len(opts.Lame) > 0) {
		return nil, errors.New(kind + ": an answer to HEAD has no body to look into")
	}
	opts.Header, opts.Body, opts.Lame = slices.Clone(opts.Header), slices.Clone(opts.Body), slices.Clone(opts.Lame)
	c := &httpCheck{kind: kind, port: port, opts: opts, secured: secured}
	c.name, c.key = httpName(kind, opts, secured)
	if opts.Host != "" {
		c.first = c.write(nil, c.begin(Route{}))
	}
	return c, nil
}

func (c *httpCheck) Kind() string { return c.kind }
func (c *httpCheck) Port() uint16 { return c.port }
func (c *httpCheck) Name() string { return c.name }
func (c *httpCheck) Key() string  { return c.key }

// Expiry implements Expirer.
func (c *httpCheck) Expiry() time.Duration { return c.secured.Expiry }

// ReloadError implements Reloader.
func (c *httpCheck) ReloadError() error { return c.files.reloadError() }

func (c *httpCheck) Probe(ctx context.Context, r Route) Result {
	v := httpVisit{attempt: begin(ctx, r), check: c}
	q := c.begin(r)
	for {
		result, next := v.ask(q)
		if next == nil {
			return v.certificate.judge(q.told(result))
		}
		q = *next
	}
}
