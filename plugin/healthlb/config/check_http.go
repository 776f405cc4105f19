package config

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"

	"example.org/healthlb/plugin/healthlb/probe"
)

// httpOptions are those of check http and of check https.
type httpOptions struct {
	probe.HTTPOptions
	hostname string           // of Host, when that is a name
	tls      probe.TLSOptions // of check https
}

var httpDirectives = table[httpOptions]{
	"path": {parse: func(a *args, o *httpOptions) (err error) {
		o.Path, err = take(a, "the PATH", parsePath)
		return err
	}},
	"host": {parse: func(a *args, o *httpOptions) error {
		h, err := take(a, "NAME", parseHTTPHost)
		o.Host, o.hostname = h.header, h.name
		return err
	}},
	"method": {parse: func(a *args, o *httpOptions) (err error) {
		o.Method, err = take(a, "the METHOD", parseMethod)
		return err
	}},
	"header": {many: true, parse: parseHeader},
	"status": {parse: func(a *args, o *httpOptions) (err error) {
		o.Status, err = take(a, "the statuses that pass", parseStatuses)
		return err
	}},
	"body": {parse: func(a *args, o *httpOptions) (err error) {
		o.Body, err = take(a, "what the body must contain", parseBodyWord)
		return err
	}},
	"body_regexp": {parse: func(a *args, o *httpOptions) (err error) {
		o.Regexp, err = take(a, "the regular expression that the body must match", parseBodyRegexp)
		return err
	}},
	"lame": {parse: func(a *args, o *httpOptions) (err error) {
		o.Lame, err = take(a, "what the body of a lame member's 503 contains", parseBodyWord)
		return err
	}},
	"follow": {parse: func(a *args, o *httpOptions) (err error) {
		o.Follow, err = take(a, "how many redirects are followed", numberIn(1, 10))
		return err
	}},
}

var httpsDirectives = both(httpDirectives, lift(tlsDirectives, func(o *httpOptions) *probe.TLSOptions { return &o.tls }))

// both returns the directives of two tables.
func both[T any](a, b table[T]) table[T] {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// parseHTTP parses the options of check http.
func parseHTTP(a *args, port uint16) (buildCheck, error) {
	o, err := parseHTTPOptions(a, httpDirectives, "in check http")
	return func(c checkCache, poolName string) (probe.Check, error) {
		return c.newHTTP("http", port, o.of(poolName))
	}, err
}

// parseHTTPS parses the options of check https.
func parseHTTPS(a *args, port uint16) (buildCheck, error) {
	o, err := parseHTTPOptions(a, httpsDirectives, "in check https")
	return func(c checkCache, poolName string) (probe.Check, error) {
		o := o.of(poolName)
		if o.tls.ServerName == "" && !o.tls.Insecure {
			return nil, fault{"does not say what name to verify, and a wildcard pool has none of its own", "add sni NAME, host NAME or insecure"}
		}
		return c.newHTTP("https", port, o)
	}, err
}

// of returns the options for one pool. A name that is not said is the pool's. A wildcard pool has none: of the Host header and the name to
// verify, the one that is said does for both.
func (o httpOptions) of(poolName string) httpOptions {
	own := ""
	if !isWildcard(poolName) {
		own = strings.TrimSuffix(poolName, ".")
	}
	if o.tls.ServerName == "" {
		o.tls.ServerName = o.hostname
	}
	if o.tls.ServerName == "" {
		o.tls.ServerName = own
	}
	if o.Host == "" {
		o.Host = own
	}
	if o.Host == "" {
		o.Host = o.tls.ServerName
	}
	return o
}

func (c checkCache) newHTTP(kind string, port uint16, o httpOptions) (probe.Check, error) {
	type key struct {
		kind   string
		port   uint16
		text   string // of all that does not compare
		regexp string
		tls    probe.TLSOptions
	}
	plain := o.HTTPOptions
	plain.Regexp = nil
	k := key{kind: kind, port: port, text: fmt.Sprintf("%#v", plain), tls: o.tls}
	if o.Regexp != nil {
		k.regexp = o.Regexp.String()
	}
	return c.get(k, func() (probe.Check, error) {
		if kind == "http" {
			return probe.NewHTTP(port, o.HTTPOptions)
		}
		return probe.NewHTTPS(port, o.HTTPOptions, o.tls)
	})
}

// parseHTTPOptions parses all options, and looks whether they go together.
func parseHTTPOptions(a *args, known table[httpOptions], place string) (httpOptions, error) {
	var o httpOptions
	if err := known.options(a, place, &o); err != nil {
		return o, err
	}
	passes := o.Status
	if passes.Len() == 0 {
		passes.Add(200, 299)
	}
	redirectsPass := true
	for code := 300; code <= 399; code++ {
		redirectsPass = redirectsPass && (!probe.IsRedirect(code) || passes.Has(code))
	}
	switch {
	case o.Method == http.MethodHead && (len(o.Body) > 0 || o.Regexp != nil || len(o.Lame) > 0):
		return o, a.fail(fault{"asks with HEAD and wants to look into the body, which no answer to HEAD has",
			"use method GET, or leave out body, body_regexp and lame"})
	case len(o.Lame) > 0 && passes.Has(http.StatusServiceUnavailable):
		return o, a.fail(fault{"looks for lame in a 503, but status lets 503 pass", "leave 503 out of status, or leave out lame"})
	case o.Follow > 0 && redirectsPass:
		return o, a.fail(fault{"follows redirects, but status lets them pass", "leave 301, 302, 303, 307 and 308 out of status, or leave out follow"})
	}
	return o, nil
}

// maxRequestWord is the longest path, and the longest value of a header field, in bytes: a quarter of what servers take in all.
const maxRequestWord = 2000

func parsePath(s string) (string, error) {
	switch {
	case !strings.HasPrefix(s, "/"):
		return "", fault{"is no path", "write one that begins with /"}
	case len(s) > maxRequestWord:
		return "", fault{fmt.Sprintf("is a path of %d bytes", len(s)), fmt.Sprintf("allowed: at most %d", maxRequestWord)}
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }):
		return "", fault{"is no path: it has what may not stand in a request", "write spaces, letters that are not ASCII and # as %XX"}
	}
	if _, err := url.ParseRequestURI(s); err != nil {
		return "", fault{"is no path: a % is not followed by two hexadecimal digits", "write % itself as %25"}
	}
	return s, nil
}

// httpHost is what a Host header says.
type httpHost struct {
	header string // with the port, if there is one, and brackets round an IPv6 address
	name   string // without the port; empty: it is an address
}

func parseHTTPHost(s string) (httpHost, error) {
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && (strings.Count(s, ":") == 1 || strings.HasSuffix(s[:i], "]")) {
		if _, err := parsePort(s[i+1:]); err != nil {
			return httpHost{}, err
		}
		host, port = s[:i], s[i:]
	}
	bare, bracketed := host, strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	if bracketed {
		bare = host[1 : len(host)-1]
	}
	addr, err := netip.ParseAddr(bare)
	switch {
	case err == nil && addr.Is6() && addr.Zone() == "" && (bracketed || port == ""):
		return httpHost{header: "[" + addr.String() + "]" + port}, nil
	case err == nil && addr.Is4() && !bracketed:
		return httpHost{header: addr.String() + port}, nil
	case strings.ContainsAny(host, "[]:%"):
		return httpHost{}, fault{"is no host", "write a name or an IP address, maybe with a port: www.example.org:8080, [2001:db8::1]:8080"}
	}
	name, err := parseServerName(host)
	return httpHost{header: name + port, name: name}, err
}

// tokenMarks are what a token may have besides letters and digits (RFC 9110 section 5.6.2).
const tokenMarks = "!#$%&'*+-.^_`|~"

func parseMethod(s string) (string, error) {
	const longest = 32 // letters; more than any registered one has
	switch {
	case s == "" || len(s) > longest || !isWord(s, tokenMarks):
		return "", fault{"is no method of HTTP", "write one such as GET, HEAD, OPTIONS or POST"}
	case s == http.MethodConnect:
		return "", fault{"asks for a tunnel", "write another method, such as GET, HEAD, OPTIONS or POST"}
	}
	switch upper := strings.ToUpper(s); upper {
	case s:
	case "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE":
		return "", fault{"is a method in small letters, which servers take for another one", "write " + upper}
	}
	return s, nil
}

// ownFields are the header fields that the check itself has to get right.
var ownFields = map[string]string{
	"Host":              "use host NAME",
	"Connection":        "leave it out; every request has a connection of its own",
	"Content-Length":    "leave it out; a check sends no body",
	"Transfer-Encoding": "leave it out; a check sends no body",
}

func parseHeader(a *args, o *httpOptions) error {
	const most = 32
	name, err := take(a, "the header's NAME", parseFieldName)
	if err != nil {
		return err
	}
	value, err := take(a, "the header's VALUE", parseFieldValue)
	if err != nil {
		return err
	}
	if len(o.Header) == most {
		return a.fail(fault{fmt.Sprintf("is header %d", most+1), fmt.Sprintf("allowed: at most %d", most)})
	}
	o.Header = append(o.Header, probe.HeaderField{Name: name, Value: value})
	return nil
}

func parseFieldName(s string) (string, error) {
	const longest = 100 // bytes; more than any registered one has
	if s == "" || len(s) > longest || !isWord(s, tokenMarks) {
		return "", fault{"is no name of a header", "use letters, digits and -, without the colon"}
	}
	if right, own := ownFields[http.CanonicalHeaderKey(s)]; own {
		return "", fault{"is a header that the check itself sends", right}
	}
	return s, nil
}

func parseFieldValue(s string) (string, error) {
	switch {
	case len(s) > maxRequestWord:
		return "", fault{fmt.Sprintf("is a value of %d bytes", len(s)), fmt.Sprintf("allowed: at most %d", maxRequestWord)}
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", fault{"has control characters, which no header may have", "leave them out"}
	case strings.TrimSpace(s) != s:
		return "", fault{"begins or ends with a space, which servers leave out", "leave it out"}
	}
	return s, nil
}

// parseStatuses parses status codes and ranges of them: 200-299,404.
func parseStatuses(s string) (set probe.StatusSet, err error) {
	wrong := fault{"is no list of statuses",
		fmt.Sprintf("write codes from %d to %d, and ranges of them, with commas in between: 200-299,404", probe.MinStatus, probe.MaxStatus)}
	parse := numberIn(probe.MinStatus, probe.MaxStatus)
	for part := range strings.SplitSeq(s, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err := parse(low)
		last, err2 := parse(high)
		if errors.Join(err, err2) != nil || first > last {
			return set, wrong
		}
		set.Add(first, last)
	}
	return set, nil
}

// parseBodyWord returns the bytes that a word of body or lame stands for.
func parseBodyWord(s string) ([]byte, error) {
	const most, escaped = 4096, len(`\xHH`) // bytes
	allowed := fmt.Sprintf("allowed: 1 to %d", most)
	switch {
	case s == "":
		return nil, fault{"stands for 0 bytes", allowed}
	case len(s) > most*escaped:
		return nil, fault{"stands for too many bytes", allowed}
	}
	text, err := unescape(s)
	if err == nil && len(text) > most {
		err = fault{fmt.Sprintf("stands for %d bytes", len(text)), allowed}
	}
	return []byte(text), err
}

func parseBodyRegexp(s string) (*regexp.Regexp, error) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return nil, fault{"has control characters", `write them as \n, \t or \x00`}
	}
	re, err := probe.CompileBody(s)
	if wrong, ok := errors.AsType[*syntax.Error](err); ok {
		return nil, fault{"is no regular expression: " + wrong.Code.String() + ": " + showWord(wrong.Expr), "see https://pkg.go.dev/regexp/syntax"}
	}
	return re, err
}
