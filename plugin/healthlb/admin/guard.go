package admin

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// checkOrigin keeps web pages out that make an operator's browser call the endpoint. Host: a page whose name suddenly resolves to this
// address (DNS rebinding) is of the same origin for the browser, but gives itself away by its name. Origin and Sec-Fetch-Site: a page
// from elsewhere.
func (s *service) checkOrigin(r *http.Request) error {
	if !s.isOurs(r) {
		return NewProblem(http.StatusMisdirectedRequest,
			"the Host header says %q: want an IP address, localhost, or a name after `hosts` in the admin line", r.Host)
	}
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return NewProblem(http.StatusForbidden, "the request comes from a page of another origin, %q", origin)
		}
	}
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site == "cross-site" {
			return NewProblem(http.StatusForbidden, "the request comes from a page of another site")
		}
	}
	return nil
}

// isOurs tells whether the request was meant for this endpoint. What comes through a socket in the file system was.
func (s *service) isOurs(r *http.Request) bool {
	if throughUnix(r) {
		return true
	}
	host := strings.ToLower(r.Host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return s.endpoint.hosts[strings.TrimSuffix(host, ".")]
}

func throughUnix(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && addr.Network() == "unix"
}
