package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
)

// The page of a list of pools: how many are on it when nobody says, and at most.
const (
	usualPage = 100
	maxPage   = 1000
)

// The bounds of a pool's lines.
const (
	maxLines = 200
	maxLine  = 4096 // bytes
)

var limitOf = parameter{name: "limit", doc: fmt.Sprintf("how many at most; %d when not said", usualPage), most: maxPage}

func (s *service) poolCalls() {
	ask(s, call{
		method: http.MethodGet, path: "/v1/pools", id: "listPools",
		summary: "List the pools with their members",
		text:    "In the order of their names. When there are more than limit, the header Link says where to go on.",
		query: []parameter{
			limitOf,
			{name: "after", doc: "only pools whose names come behind this one"},
		},
		headers: map[string]string{"Link": `where to go on (RFC 8288), rel="next"; missing: this was all`},
	}, (*service).getPools)
	ask(s, call{
		method: http.MethodGet, path: "/v1/pools/{pool}", id: "getPool",
		summary: "Show one pool", fails: []int{http.StatusNotFound},
	}, (*service).getPool)
	send(s, call{
		method: http.MethodPut, path: "/v1/pools/{pool}", id: "putPool",
		summary: "Make a pool, or give it other lines",
		text:    "In zones that say `dynamic` in the Corefile. A pool of the Corefile is the Corefile's.",
		query:   []parameter{dryRun, force}, body: &poolBody, fails: []int{http.StatusNotFound, http.StatusConflict},
	}, (*service).putPool)
	ask(s, call{
		method: http.MethodDelete, path: "/v1/pools/{pool}", id: "deletePool",
		summary: "Take a pool away that was made at run time",
		query:   []parameter{dryRun, force}, fails: []int{http.StatusConflict},
	}, (*service).deletePool)
}

func (s *service) getPools(r *request) ([]api.Pool, error) {
	limit, err := parseCount(r.query, limitOf, usualPage)
	if err != nil {
		return nil, err
	}
	after, given := r.query["after"]
	if given {
		if after, err = block.ParsePool(after); err != nil {
			return nil, bad("after", "%v", err)
		}
	}
	pools, more := s.backend.Pools(after, limit)
	if more && len(pools) > 0 {
		last := pools[len(pools)-1].Name
		r.to.Header().Set("Link", fmt.Sprintf(`</v1/pools?after=%s&limit=%d>; rel="next"`, url.QueryEscape(last), limit))
	}
	list := make([]api.Pool, len(pools))
	for i, p := range pools {
		list[i] = completePool(p)
	}
	return list, nil
}

func (s *service) getPool(r *request) (api.Pool, error) {
	pool, found := s.backend.Pool(r.pool)
	if !found {
		return api.Pool{}, NewProblem(http.StatusNotFound, "there is no pool %s", r.pool)
	}
	return completePool(pool), nil
}

func (s *service) putPool(r *request, spec api.PoolSpec) (api.PoolChange, error) {
	if err := checkLines(spec.Lines); err != nil {
		return api.PoolChange{}, err
	}
	return poolChange(s.backend.PutPool(r.pool, spec, r.order()))
}

func (s *service) deletePool(r *request) (api.PoolChange, error) {
	return poolChange(s.backend.DeletePool(r.pool, r.order()))
}

func poolChange(c api.PoolChange, err error) (api.PoolChange, error) {
	c.Effect = complete(c.Effect)
	if c.Pool != nil {
		pool := completePool(*c.Pool)
		c.Pool = &pool
	}
	return c, err
}

// checkLines refuses what cannot be lines of a Corefile. What they say is the backend's affair.
func checkLines(lines []string) error {
	if len(lines) > maxLines {
		return bad("body.lines", "%d lines: want at most %d", len(lines), maxLines)
	}
	for i, line := range lines {
		place := fmt.Sprintf("body.lines[%d]", i)
		if len(line) > maxLine {
			return bad(place, "%d bytes: want at most %d", len(line), maxLine)
		}
		if strings.ContainsFunc(line, func(c rune) bool { return c != '\t' && notInText(c) }) {
			return bad(place, "%q has a newline or another unprintable character: want one line of printable characters", line)
		}
	}
	return nil
}

// completePool makes empty lists of missing ones, as callers expect an array.
func completePool(p api.Pool) api.Pool {
	if p.Families == nil {
		p.Families = []api.Family{}
	}
	if p.Members == nil {
		p.Members = []api.Member{}
	}
	return p
}
