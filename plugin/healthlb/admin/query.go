package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// parseQuery reads the parameters of a request, each of which must be one of known and stand once: a mistyped dry_run must never execute.
func parseQuery(r *http.Request, known ...string) (map[string]string, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, NewProblem(http.StatusBadRequest, "the query cannot be read: %v", err)
	}
	query := make(map[string]string, len(values))
	for name, all := range values {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			return nil, NewProblem(http.StatusBadRequest, "unknown query parameter %q: this call has none", name)
		case !slices.Contains(known, name):
			return nil, NewProblem(http.StatusBadRequest, "unknown query parameter %q: want %s", name, strings.Join(known, " or "))
		case len(all) > 1:
			return nil, NewProblem(http.StatusBadRequest, "query parameter %s stands %d times: want it once", name, len(all))
		}
		query[name] = all[0]
	}
	return query, nil
}

// parseFlag reads a parameter that is on or off.
func parseFlag(query map[string]string, name string) (bool, error) {
	value, given := query[name]
	switch value {
	case "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	}
	if !given {
		return false, nil
	}
	return false, NewProblem(http.StatusBadRequest, "%s=%q: want 1, true, 0 or false", name, value)
}
