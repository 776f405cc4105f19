package admin

import (
	"cmp"
	"net/http"

	"example.org/healthlb/api"
)

func (s *service) drainCalls() {
	const path = "/v1/pools/{pool}/members/{id}/drain"
	send(s, call{
		method: http.MethodPut, path: path, id: "drainMember",
		summary: "Take a member out of answers",
		text:    "The answer says when no cache holds it any more. Whoever is drained already stays so, as it was ordered first.",
		query:   []parameter{dryRun, force}, body: &maySpec, fails: []int{http.StatusNotFound, http.StatusConflict},
	}, (*service).putDrain)
	ask(s, call{
		method: http.MethodDelete, path: path, id: "undrainMember",
		summary: "Let a member back into answers",
		query:   []parameter{ownerOf, dryRun, force}, fails: []int{http.StatusNotFound, http.StatusConflict},
	}, (*service).deleteDrain)
}

func (s *service) putDrain(r *request, spec *api.DrainSpec) (api.DrainChange, error) {
	if spec == nil {
		spec = new(api.DrainSpec)
	}
	if err := cmp.Or(checkOwner("body.owner", spec.Owner), checkReason("body.reason", spec.Reason)); err != nil {
		return api.DrainChange{}, err
	}
	return drainChange(s.backend.Drain(r.pool, r.id, *spec, r.order()))
}

func (s *service) deleteDrain(r *request) (api.DrainChange, error) {
	owner, _, err := r.owner()
	if err != nil {
		return api.DrainChange{}, err
	}
	return drainChange(s.backend.Undrain(r.pool, r.id, owner, r.order()))
}

// owner is the owner that the query names, and whether it names one.
func (r *request) owner() (owner string, given bool, err error) {
	owner, given = r.query[ownerOf.name]
	if given && owner == "" {
		return "", true, bad(ownerOf.name, "it is empty: name one, or leave it out")
	}
	return owner, given, checkOwner(ownerOf.name, owner)
}

func drainChange(c api.DrainChange, err error) (api.DrainChange, error) {
	c.Effect = complete(c.Effect)
	return c, err
}
