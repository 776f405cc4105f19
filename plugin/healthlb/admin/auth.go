package admin

import (
	"net/http"
	"strings"
)

// authorise tells whether the caller may make the call that the request asks for.
func (s *service) authorise(w http.ResponseWriter, r *http.Request) error {
	if s.endpoint.settings.ClientCA != "" {
		if err := verifyClient(s.endpoint.tls.get(), r.TLS); err != nil {
			w.Header().Set("Connection", "close") // this connection will never do
			return NewProblem(http.StatusForbidden, "%v", err)
		}
	}
	if s.endpoint.tokens == nil {
		return nil
	}
	presented, ok := bearerToken(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		return NewProblem(http.StatusUnauthorized, "a token is needed: send it as `Authorization: Bearer TOKEN`")
	}
	role := s.endpoint.tokens.get().find(presented)
	if role == nobody {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`) // RFC 6750 section 3.1
		return NewProblem(http.StatusUnauthorized, "the token is not in the token file")
	}
	return permit(role, r.Method, s.offerOf(r))
}

// permit tells whether a role may make a call. What is not offered is judged by its method alone.
func permit(role role, method string, o offer) error {
	switch {
	case role == mayOperate:
		return nil
	case role == mayRead && (method == http.MethodGet || method == http.MethodHead):
		return nil
	case role == mayRegister && o.register:
		return nil
	case role == mayRead && o.register:
		return NewProblem(http.StatusForbidden, "the token's role is read: this call needs a token with the role register or operate")
	case role == mayRead:
		return NewProblem(http.StatusForbidden, "the token's role is read: %s needs a token with the role operate", method)
	}
	return NewProblem(http.StatusForbidden, "the token's role is register: %s needs a token with the role operate, or read for GET", method)
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
