package admin

import (
	"net/http"

	"example.org/healthlb/plugin/healthlb/block"
)

func (s *service) getPools(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	pools := s.backend.Pools()
	if pools == nil {
		pools = []PoolStatus{}
	}
	return respond(w, pools)
}

func (s *service) getPool(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	name, err := block.ParsePool(r.PathValue("pool"))
	if err != nil {
		return problem(http.StatusBadRequest, "%v", err)
	}
	pool, found := s.backend.Pool(name)
	if !found {
		return problem(http.StatusNotFound, "there is no pool %s", name)
	}
	return respond(w, pool)
}
