package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// parameter is a word of a query.
type parameter struct {
	name     string
	doc      string
	required bool
	flag     bool // it is on or off
	most     int  // not 0: it is a number from 1 to this
}

// The parameters of more than one call.
var (
	dryRun  = parameter{name: "dry_run", doc: "tell the effect only", flag: true}
	force   = parameter{name: "force", doc: "do it even if it leaves a pool with fewer than min_up members, or is another owner's", flag: true}
	ownerOf = parameter{name: "owner", doc: "whose order it is to take back; another owner's is not touched without force"}
)

// names are the names of parameters, in their order.
func names(parameters []parameter) []string {
	list := make([]string, len(parameters))
	for i, p := range parameters {
		list[i] = p.name
	}
	return list
}

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

// parseCount reads a parameter that is a number; otherwise is what it is when not given.
func parseCount(query map[string]string, p parameter, otherwise int) (int, error) {
	value, given := query[p.name]
	if !given {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil || n < 1 || n > uint64(p.most) {
		return 0, NewProblem(http.StatusBadRequest, "%s=%q: want a number from 1 to %d", p.name, value, p.most)
	}
	return int(n), nil
}
