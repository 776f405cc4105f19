package probe

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// IsRedirect says whether a status redirects to a Location (RFC 9110 section 15.4).
func IsRedirect(code int) bool {
	switch code {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirected is the result of a redirect, or the request that it asks for.
func (v *httpVisit) redirected(q httpRequest, resp *http.Response) (Result, *httpRequest) {
	location := resp.Header.Get("Location")
	if location == "" {
		return fail("status " + resp.Status + " without a Location"), nil
	}
	to := fmt.Sprintf("status %d redirects to %s", resp.StatusCode, shorten(location))
	follow := v.check.opts.Follow
	switch {
	case follow == 0:
		return fail(to + ", which is not followed (add follow N)"), nil
	case q.redirects == follow:
		return fail(fmt.Sprintf("%s, which is one more than follow %d allows", to, follow)), nil
	}
	next, err := q.redirect(resp.StatusCode, location)
	if err != nil {
		return fail(to + ": " + err.Error()), nil
	}
	if v.trace != nil {
		v.trace.step("redirect", "status %d to %s, at port %d", resp.StatusCode, location, next.port)
	}
	return Result{}, &next
}

// maxTarget is the longest path with its query that a redirect may lead to, in bytes: as much as RFC 9110 section 4.1 has everybody bear.
const maxTarget = 8000

// redirect returns the request that a redirect asks for. It goes to the same address, since a probe is about one: of the URL's host
// there remain the Host header, the port, and the name that the certificate must be for.
func (q httpRequest) redirect(code int, location string) (httpRequest, error) {
	base, err := url.ParseRequestURI(q.target)
	if err != nil {
		return q, err
	}
	ref, err := url.Parse(location)
	if err != nil {
		return q, errors.New("which is no URL")
	}
	if ref.Host != "" || ref.Scheme != "" {
		if q, err = q.elsewhere(ref); err != nil {
			return q, err
		}
	}
	base.Scheme, base.Host = "http", "x" // without them a path that begins with // would be resolved to a host
	if q.target = visible(base.ResolveReference(ref).RequestURI()); len(q.target) > maxTarget {
		return q, fmt.Errorf("which is longer than %d bytes", maxTarget)
	}
	switch {
	case q.method == http.MethodHead:
	case code == http.StatusSeeOther, code < http.StatusSeeOther && q.method == http.MethodPost: // RFC 9110 sections 15.4.2 to 15.4.4
		q.method = http.MethodGet
	}
	q.redirects++
	q.from = shorten(location)
	return q, nil
}

// elsewhere returns the request as it goes to the host of a URL.
func (q httpRequest) elsewhere(to *url.URL) (httpRequest, error) {
	secure, port := q.secure, uint16(80)
	switch to.Scheme {
	case "http":
		secure = false
	case "https":
		secure = true
	case "":
	default:
		return q, errors.New("which is neither http nor https")
	}
	if secure {
		port = 443
	}
	host, name, ok := hostNames(to.Hostname())
	if !ok {
		return q, errors.New("whose host is no name and no address")
	}
	// The certificate that the Corefile wants to see stays the right one for the host that it wants to see it for.
	if before, _, _ := hostNames((&url.URL{Host: q.host}).Hostname()); !q.secure || before != host {
		q.name = name
	}
	if said := to.Port(); said != "" && said != strconv.Itoa(int(port)) {
		n, err := strconv.ParseUint(said, 10, 16)
		if err != nil || n == 0 {
			return q, errors.New("whose port is none")
		}
		port = uint16(n)
		host += ":" + strconv.Itoa(int(n))
	}
	q.bare = q.bare || q.secure && !secure
	q.secure, q.port, q.host = secure, port, host
	return q, nil
}

// hostNames returns the host of a URL, given without brackets and port, as a Host header has it and as a certificate has it.
func hostNames(host string) (header, name string, ok bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return hostOf(a), a.WithZone("").String(), true
	}
	name = strings.ToLower(strings.TrimSuffix(host, "."))
	const longest = 253 // RFC 1035 section 2.3.4
	if name == "" || len(name) > longest {
		return "", "", false
	}
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return "", "", false
		}
	}
	return name, name, true
}

// visible escapes what must not stand in a request line as it is.
func visible(target string) string {
	var w strings.Builder
	for _, c := range []byte(target) {
		if c > ' ' && c < 0x7f {
			w.WriteByte(c)
		} else {
			fmt.Fprintf(&w, "%%%02X", c)
		}
	}
	return w.String()
}
