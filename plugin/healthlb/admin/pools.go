package admin

import (
	"net/http"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
)

func (s *service) getPools(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	pools, _ := s.backend.Pools("", 1_000_000)
	if pools == nil {
		pools = []api.Pool{}
	}
	return respond(w, pools)
}

func (s *service) getPool(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	name, err := poolOf(r)
	if err != nil {
		return err
	}
	pool, found := s.backend.Pool(name)
	if !found {
		return NewProblem(http.StatusNotFound, "there is no pool %s", name)
	}
	return respond(w, pool)
}

// poolOf is the name of the pool that a request's path names, a lower-case FQDN.
func poolOf(r *http.Request) (string, error) {
	name, err := block.ParsePool(r.PathValue("pool"))
	if err != nil {
		return "", NewProblem(http.StatusBadRequest, "%v", err)
	}
	return name, nil
}
