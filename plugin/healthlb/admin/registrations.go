package admin

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"example.org/healthlb/api"
)

// secretHeader carries what a registration is renewed and ended with.
const secretHeader = "Registration-Secret"

func (s *service) registrationCalls() {
	const path = "/v1/pools/{pool}/registrations"
	send(s, call{
		method: http.MethodPost, path: path, id: "register", register: true, secret: true, status: http.StatusCreated,
		summary: "Register a server with a pool",
		text: "It stays for ttl, unless it renews. Whoever registers again shows the secret that he was told first. " +
			"Blocked in mode no-register: 409; in mode omit it registers, and is not served.",
		body: &specBody, headers: map[string]string{"Location": "where to renew and end it"},
		fails: []int{http.StatusNotFound, http.StatusConflict},
	}, (*service).postRegistration)
	ask(s, call{
		method: http.MethodPut, path: path + "/{id}", id: "renewRegistration", register: true, secret: true,
		summary: "Renew a registration",
		text:    "404: there is no such registration (any more), so register anew. 403: the secret is missing, or another one.",
		fails:   []int{http.StatusNotFound},
	}, (*service).putRegistration)
	ask(s, call{
		method: http.MethodDelete, path: path + "/{id}", id: "endRegistration", register: true, secret: true,
		summary: "End a registration at once",
		text:    "403: the secret is missing, or another one.",
	}, (*service).deleteRegistration)
}

func (s *service) postRegistration(r *request, spec api.RegistrationSpec) (api.Registration, error) {
	if err := cmp.Or(checkMember(spec.MemberSpec), optional("body.id", "member", spec.ID), checkSpan("body.ttl", spec.TTL)); err != nil {
		return api.Registration{}, err
	}
	registration, err := s.backend.Register(r.pool, spec, r.secret, r.order())
	if err == nil {
		r.to.Header().Set("Location", "/v1/pools/"+segment(registration.Pool)+"/registrations/"+segment(registration.ID))
	}
	return registration, err
}

func (s *service) putRegistration(r *request) (api.Registration, error) {
	return s.backend.Renew(r.pool, r.id, r.secret, r.order())
}

func (s *service) deleteRegistration(r *request) (api.Registration, error) {
	return s.backend.Leave(r.pool, r.id, r.secret, r.order())
}

// segment writes a name as one segment of a path. An id may be a dot or two, which would be taken for steps.
func segment(name string) string {
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}
