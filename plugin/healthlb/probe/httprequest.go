package probe

import (
	"net/http"
	"net/netip"
	"strings"
)

// httpRequest is what a probe asks, and where.
type httpRequest struct {
	secure bool   // by TLS
	port   uint16 // at the member's address
	name   string // what the certificate must be for, if secure
	host   string // the Host header
	method string
	target string

	redirects int    // how many led here
	from      string // the last of them; empty: there was none
	bare      bool   // without what lets its sender in: a redirect led away from https
}

// begin returns the first request of a probe.
func (c *httpCheck) begin(r Route) httpRequest {
	q := httpRequest{
		secure: c.kind == "https", port: r.To.Port(), name: c.secured.ServerName,
		host: c.opts.Host, method: c.opts.Method, target: c.opts.Path,
	}
	if q.host == "" {
		q.host = hostOf(r.To.Addr())
	}
	return q
}

// hostOf returns an address as a Host header has it: an IPv6 one in brackets, without its zone, which means something here only (RFC 6874
// section 4).
func hostOf(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.WithZone("").String() + "]"
	}
	return a.String()
}

// write appends the request as it is sent. It asks the member to close the connection, and for no compression.
func (c *httpCheck) write(to []byte, q httpRequest) []byte {
	to = append(to, q.method+" "+q.target+" HTTP/1.1\r\nHost: "+q.host+"\r\n"...)
	for _, f := range [...]HeaderField{{"User-Agent", "healthlb"}, {"Accept", "*/*"}} {
		if !c.says(f.Name) {
			to = f.write(to)
		}
	}
	for _, f := range c.opts.Header {
		if !q.bare || !f.secret() {
			to = f.write(to)
		}
	}
	switch q.method {
	case http.MethodPost, http.MethodPut, http.MethodPatch: // which mean something by a body (RFC 9110 section 8.6)
		to = HeaderField{"Content-Length", "0"}.write(to)
	}
	return append(to, "Connection: close\r\n\r\n"...)
}

// says whether the check's own header has a field of that name.
func (c *httpCheck) says(name string) bool {
	for _, f := range c.opts.Header {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

func (f HeaderField) write(to []byte) []byte {
	return append(append(append(append(to, f.Name...), ": "...), f.Value...), "\r\n"...)
}

// told puts the redirect that led to a request before the reason for what became of it.
func (q httpRequest) told(r Result) Result {
	if q.from != "" && r.Reason != "" {
		r.Reason = printable("after a redirect to " + q.from + ": " + r.Reason)
	}
	return r
}
