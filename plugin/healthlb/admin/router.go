package admin

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// router gives huma's routes to a ServeMux.
type router struct{ *http.ServeMux }

func (s *service) adapter() huma.Adapter { return humago.NewAdapter(router{s.routes}, "") }

// HandleFunc takes a pattern as huma makes it: METHOD PATH.
func (r router) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	r.ServeMux.HandleFunc(routeOf(pattern), handler)
}

// routeOf is the pattern in a ServeMux. A network has a slash in it, which OpenAPI has no way to say of a path.
func routeOf(pattern string) string { return strings.Replace(pattern, "{prefix}", "{prefix...}", 1) }

// offer notes that there is a call.
func (s *service) offer(c *call) {
	route := routeOf(c.path)
	s.register[c.method+" "+route] = c.register
	s.offers[route] = append(s.offers[route], c.method)
	if c.method == http.MethodGet { // ServeMux gives it HEAD too, and net/http leaves the body out
		s.offers[route] = append(s.offers[route], http.MethodHead)
	}
}
