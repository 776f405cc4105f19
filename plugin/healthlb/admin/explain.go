package admin

import (
	"net/http"
	"strings"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
)

var explainQuery = []parameter{
	{name: "name", doc: "the domain name that is asked for", required: true},
	{name: "client", doc: "the address or network that asks", required: true},
	{name: "type", doc: "A or AAAA; A when not said"},
	{name: "without", doc: "the id of a member to be left out, as if it were taken away"},
	{name: "region", doc: "where the client is to be taken to be; found out as for any query when not said"},
}

func (s *service) explainCalls() {
	ask(s, call{
		method: http.MethodGet, path: "/v1/explain", id: "explain",
		summary: "Tell what a client would be answered now, and why",
		query:   explainQuery, fails: []int{http.StatusNotFound},
	}, (*service).getExplanation)
}

// getExplanation tells what a client would be answered, and why.
func (s *service) getExplanation(r *request) (api.Explanation, error) {
	q, err := parseExplain(r.Request)
	if err != nil {
		return api.Explanation{}, err
	}
	e, err := s.backend.Explain(q)
	return completeExplanation(e), err
}

// parseExplain reads the parameters of a request to explain.
func parseExplain(r *http.Request) (q ExplainQuery, err error) {
	query, err := parseQuery(r, names(explainQuery)...)
	if err != nil {
		return ExplainQuery{}, err
	}
	switch {
	case query["name"] == "":
		return ExplainQuery{}, NewProblem(http.StatusBadRequest, "query parameter name is missing: want the domain name that is asked for")
	case query["client"] == "":
		return ExplainQuery{}, NewProblem(http.StatusBadRequest, "query parameter client is missing: want the address or network that asks")
	}
	if q.Name, err = parseName(query["name"]); err != nil {
		return ExplainQuery{}, err
	}
	if q.Client, err = block.ParsePrefix(query["client"]); err != nil {
		return ExplainQuery{}, NewProblem(http.StatusBadRequest, "client: %v", err)
	}
	if q.Type, err = parseType(query); err != nil {
		return ExplainQuery{}, err
	}
	if q.Without, err = optionalWord(query, "without"); err != nil {
		return ExplainQuery{}, err
	}
	if q.Region, err = optionalWord(query, "region"); err != nil {
		return ExplainQuery{}, err
	}
	return q, nil
}

// parseName reads a name that a client may ask for, and returns it as a lower-case FQDN. Names with escapes are no names here.
func parseName(s string) (string, error) {
	name, err := block.ParsePool(s)
	if err != nil || strings.ContainsFunc(s, notInName) {
		return "", NewProblem(http.StatusBadRequest, "name %q is no domain name such as www.lb.example.org: "+
			"want letters, digits, - and _ with dots in between, at most 254 characters (international names in their xn-- form)", s)
	}
	return name, nil
}

// notInName tells whether a character is barred from names. The star is that of a wildcard.
func notInName(c rune) bool {
	letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
	return !letter && !strings.ContainsRune("-_.*", c)
}

// parseType reads the type of the records that are asked for, which is A when not given.
func parseType(query map[string]string) (string, error) {
	given, found := query["type"]
	if !found {
		return "A", nil
	}
	switch t := strings.ToUpper(given); t {
	case "A", "AAAA":
		return t, nil
	}
	return "", NewProblem(http.StatusBadRequest, "type %q is not answered from pools: want A or AAAA", given)
}

// optionalWord reads a parameter that names a member or a region, if it is there.
func optionalWord(query map[string]string, parameter string) (string, error) {
	s, found := query[parameter]
	if !found {
		return "", nil
	}
	return s, checkWord(parameter, s)
}
