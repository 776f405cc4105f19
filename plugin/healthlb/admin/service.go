package admin

import (
	"context"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// service answers requests under one set of settings.
type service struct {
	endpoint *Endpoint
	backend  Backend
	server   *Server // whose current settings these are, or were
	api      huma.API
	routes   *http.ServeMux
	register map[string]bool     // of the routes' patterns, those that tokens with the role register may use
	offers   map[string][]string // the methods of each path, for Allow
}

func newService(endpoint *Endpoint, backend Backend, server *Server) *service {
	s := &service{
		endpoint: endpoint, backend: backend, server: server, routes: http.NewServeMux(),
		register: make(map[string]bool), offers: make(map[string][]string),
	}
	s.api = huma.NewAPI(newConfig(), s.adapter())
	s.poolCalls()
	s.memberCalls()
	s.drainCalls()
	s.loadCalls()
	s.registrationCalls()
	s.blocklistCalls()
	s.rolloutCalls()
	s.eventCalls()
	s.probeCalls()
	s.explainCalls()
	s.documentCalls()
	s.openAnswers()

	// What no call is at is answered here: ServeMux would do it in plain text.
	for path, methods := range s.offers {
		slices.Sort(methods)
		allow := strings.Join(methods, ", ")
		s.routes.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			s.fail(w, NewProblem(http.StatusMethodNotAllowed, "%s is not possible here: want %s", r.Method, allow))
		})
	}
	s.routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, NewProblem(http.StatusNotFound, "there is nothing at %s", r.URL.Path))
	})
	return s
}

// ServeHTTP checks where a request comes from, then whose it is, and only then what it asks.
func (s *service) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := &answer{ResponseWriter: rw}
	defer func() { s.endpoint.settings.Observe(closedMethod(r.Method), w.code) }()
	defer w.finish()
	defer s.recoverFrom(w, r)

	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if s.otherSide(r) {
		w.Header().Set("Connection", "close")
	}
	by, err := s.admit(w.Header(), r)
	if err != nil {
		w.Header().Set("Connection", "close") // strangers do not hold connections, of which there are few
		s.fail(w, err)
		return
	}
	// ServeMux would redirect. It takes paths as they are written: an id may be .. when that is percent-encoded.
	given := r.URL.EscapedPath()
	if !strings.HasPrefix(given, "/") { // OPTIONS * and CONNECT, which ServeMux answers without a word
		s.fail(w, NewProblem(http.StatusNotFound, "there is nothing at %q", r.RequestURI))
		return
	}
	if p := path.Clean(given); p != given && p+"/" != given {
		s.fail(w, NewProblem(http.StatusNotFound, "there is nothing at %s: did you mean %s?", given, p))
		return
	}
	s.routes.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, by)))
}

// otherSide tells whether a connection was accepted under settings with TLS, and these are without, or the other way round: let the
// caller connect anew.
func (s *service) otherSide(r *http.Request) bool {
	return (r.TLS != nil) != (s.endpoint.tls != nil)
}

// mayRegister tells whether a request asks for a call that is offered to servers about themselves.
func (s *service) mayRegister(r *http.Request) bool {
	_, pattern := s.routes.Handler(r)
	return s.register[pattern]
}

// recoverFrom turns a panic into an answer: one request's trouble must not end the process that answers DNS.
func (s *service) recoverFrom(w *answer, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	s.endpoint.settings.Warn("admin endpoint: %s %s: panic: %v\n%s", r.Method, r.URL.Path, cause, debug.Stack())
	if w.streaming {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	w.reset()
	s.fail(w, NewProblem(http.StatusInternalServerError, "this request met a defect, which is in healthlb's log"))
}

// closedMethod makes a closed set of methods, as a label of a metric must be.
func closedMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete:
		return method
	}
	return "other"
}
