package admin

import (
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
)

// service answers requests under one set of settings.
type service struct {
	endpoint *Endpoint
	backend  Backend
	routes   *http.ServeMux
}

// call carries out one method of a resource. An error it returns is answered with, so it writes nothing before.
type call func(*service, http.ResponseWriter, *http.Request) error

// offer is a call, and who may make it: tokens with the role operate any, those with the role read GET.
type offer struct {
	do       call
	register bool // tokens with the role register may make it too
}

// resource is what one path offers, by method. GET includes HEAD.
type resource map[string]offer

// resources are what there is, by pattern.
var resources = map[string]resource{
	"/v1/pools":                          {http.MethodGet: {do: (*service).getPools}},
	"/v1/pools/{pool}":                   {http.MethodGet: {do: (*service).getPool}},
	"/v1/pools/{pool}/members/{id}/load": {http.MethodPut: {do: (*service).putLoad, register: true}},
	"/v1/explain":                        {http.MethodGet: {do: (*service).getExplanation}},
	"/v1/blocklist": {
		http.MethodGet:  {do: (*service).getBlocklist},
		http.MethodPut:  {do: (*service).putBlocklist},
		http.MethodPost: {do: (*service).postBlocklist},
	},
	"/v1/blocklist/{prefix...}": {http.MethodDelete: {do: (*service).deleteBlock}},
}

func newService(endpoint *Endpoint, backend Backend) *service {
	s := &service{endpoint: endpoint, backend: backend, routes: http.NewServeMux()}
	for pattern, res := range resources {
		s.routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.carryOut(res, w, r) })
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
	defer s.recoverFrom(w, r)

	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if (r.TLS != nil) != (s.endpoint.tls != nil) { // accepted under other settings: let the caller connect anew
		w.Header().Set("Connection", "close")
	}
	err := s.checkOrigin(r)
	if err == nil {
		err = s.authorise(w, r)
	}
	if err != nil {
		w.Header().Set("Connection", "close") // strangers do not hold connections, of which there are few
		s.fail(w, err)
		return
	}
	// ServeMux would redirect. It takes paths as they are written: an id may be .. when that is percent-encoded.
	given := r.URL.EscapedPath()
	if p := path.Clean(given); p != given && p+"/" != given {
		s.fail(w, NewProblem(http.StatusNotFound, "there is nothing at %s: did you mean %s?", given, p))
		return
	}
	s.routes.ServeHTTP(w, r)
}

func (s *service) carryOut(res resource, w http.ResponseWriter, r *http.Request) {
	do := res.offer(r.Method).do
	if do == nil {
		allow := strings.Join(res.methods(), ", ")
		w.Header().Set("Allow", allow)
		s.fail(w, NewProblem(http.StatusMethodNotAllowed, "%s is not possible here: want %s", r.Method, allow))
		return
	}
	if err := do(s, w, r); err != nil {
		s.fail(w, err)
	}
}

// offerOf finds the call that a request asks for; the zero offer when there is none.
func (s *service) offerOf(r *http.Request) offer {
	_, pattern := s.routes.Handler(r)
	return resources[pattern].offer(r.Method)
}

// offer returns the call of a method, or the zero offer.
func (res resource) offer(method string) offer {
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves the body out
	}
	return res[method]
}

// methods are those of an Allow header.
func (res resource) methods() []string {
	var methods []string
	for method := range res {
		methods = append(methods, method)
		if method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return methods
}

// recoverFrom turns a panic into an answer: one request's trouble must not end the process that answers DNS.
func (s *service) recoverFrom(w *answer, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	s.endpoint.settings.Warn("admin endpoint: %s %s: panic: %v\n%s", r.Method, r.URL.Path, cause, debug.Stack())
	if w.code != 0 {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
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

// answer remembers the status of an answer; 0: none yet.
type answer struct {
	http.ResponseWriter
	code int
}

func (a *answer) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}
