package admin

import (
	"net/http"
	"strings"
)

// authorise tells whether the caller may do what the request's method asks.
func (s *service) authorise(w http.ResponseWriter, r *http.Request) error {
	if s.endpoint.settings.ClientCA != "" {
		if err := verifyClient(s.endpoint.tls.get(), r.TLS); err != nil {
			w.Header().Set("Connection", "close") // this connection will never do
			return problem(http.StatusForbidden, "%v", err)
		}
	}
	if s.endpoint.tokens == nil {
		return nil
	}
	presented, ok := bearerToken(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		return problem(http.StatusUnauthorized, "a token is needed: send it as `Authorization: Bearer TOKEN`")
	}
	switch role := s.endpoint.tokens.get().find(presented); {
	case role == nobody:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`) // RFC 6750 section 3.1
		return problem(http.StatusUnauthorized, "the token is not in the token file")
	case role == mayOperate:
		return nil
	case role == mayRead && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		return nil
	case role == mayRead:
		return problem(http.StatusForbidden, "the token's role is read: %s needs a token with the role operate", r.Method)
	}
	return problem(http.StatusForbidden, "the token's role is register: %s needs a token with the role operate, or read for GET", r.Method)
}

// bearerToken returns the token of the one Authorization header (RFC 6750 section 2.1).
func bearerToken(r *http.Request) (string, bool) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return "", false
	}
	scheme, presented, _ := strings.Cut(headers[0], " ")
	presented = strings.TrimLeft(presented, " ")
	return presented, strings.EqualFold(scheme, "Bearer") && presented != ""
}

// caller names who asks, for the log.
func caller(r *http.Request) string {
	from := r.RemoteAddr
	if throughUnix(r) {
		from = "the unix socket"
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return r.TLS.PeerCertificates[0].Subject.String() + " from " + from
	}
	return from
}
