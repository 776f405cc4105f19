package admin

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// admit tells whether a request comes from where it may come from, and whether the caller may make the call that it asks for, and names
// him. header is that of the answer.
func (s *service) admit(header http.Header, r *http.Request) (by string, err error) {
	if err := s.checkOrigin(r); err != nil {
		return "", err
	}
	token, err := s.authorise(header, r)
	if err != nil {
		return "", err
	}
	return caller(r, token), nil
}

// authorise tells whether the caller may make the call, and returns the name of the token that he did it with; empty when none is asked
// for.
func (s *service) authorise(header http.Header, r *http.Request) (name string, err error) {
	if s.endpoint.settings.ClientCA != "" {
		if err := verifyClient(s.endpoint.tls.Get(), r.TLS); err != nil {
			header.Set("Connection", "close") // this connection will never do
			return "", NewProblem(http.StatusForbidden, "%v", err)
		}
	}
	if s.endpoint.tokens == nil {
		return "", nil
	}
	presented, ok := bearerToken(r)
	if !ok {
		header.Set("WWW-Authenticate", "Bearer")
		return "", NewProblem(http.StatusUnauthorized, "a token is needed: send it as `Authorization: Bearer TOKEN`")
	}
	found := s.endpoint.tokens.Get().find(presented)
	if found.role == nobody {
		header.Set("WWW-Authenticate", `Bearer error="invalid_token"`) // RFC 6750 section 3.1
		return "", NewProblem(http.StatusUnauthorized, "the token is not in the token file")
	}
	return found.name, permit(found.role, r.Method, s.mayRegister(r))
}

// permit tells whether a role may make a call, which may be one that is offered to servers about themselves. What is not offered at all
// is judged by its method alone.
func permit(role role, method string, register bool) error {
	switch {
	case role == mayOperate:
		return nil
	case role == mayRead && (method == http.MethodGet || method == http.MethodHead):
		return nil
	case role == mayRegister && register:
		return nil
	case role == mayRead && register:
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

type callerKey struct{}

// caller names who asks, for the log and for events: the token, the client certificate and the process on the other side of a socket in
// the file system, as far as there are such, and where from. There are no control characters in it.
func caller(r *http.Request, token string) string {
	var who []string
	if token != "" {
		who = append(who, token)
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		who = append(who, printable(r.TLS.PeerCertificates[0].Subject.String(), maxSubject))
	}
	if !throughUnix(r) {
		if len(who) == 0 {
			return r.RemoteAddr
		}
		return strings.Join(who, ", ") + " from " + r.RemoteAddr
	}
	if peer, known := r.Context().Value(peerKey{}).(string); known {
		who = append(who, peer)
	}
	if len(who) == 0 {
		return "the unix socket"
	}
	return strings.Join(who, ", ") + " through the unix socket"
}

// maxSubject is how much of a certificate's subject is told, in bytes.
const maxSubject = 256

// printable leaves out of a text what could make a log line read other than it is, and cuts it to so many bytes.
func printable(s string, most int) string {
	var b strings.Builder
	for _, c := range s {
		if !unicode.IsGraphic(c) || c == utf8.RuneError {
			continue
		}
		if b.Len()+utf8.RuneLen(c) > most {
			break
		}
		b.WriteRune(c)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
