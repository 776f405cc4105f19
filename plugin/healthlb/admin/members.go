package admin

import (
	"cmp"
	"net/http"

	"example.org/healthlb/api"
)

var requireHealthy = parameter{name: "require_healthy", doc: "probe it first, and add it only if it passes", flag: true}

func (s *service) memberCalls() {
	const path = "/v1/pools/{pool}/members/{id}"
	send(s, call{
		method: http.MethodPut, path: path, id: "putMember",
		summary: "Add a member, or make it another one",
		text: "It is answered with after its first pass. With require_healthy it is probed before it is added, and 422 says why it failed. " +
			"A member of the Corefile or a members file is theirs.",
		query: []parameter{requireHealthy, dryRun, force}, body: &specBody,
		fails: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity},
	}, (*service).putMember)
	ask(s, call{
		method: http.MethodDelete, path: path, id: "deleteMember",
		summary: "Take a member away that came at run time",
		query:   []parameter{dryRun, force}, fails: []int{http.StatusNotFound, http.StatusConflict},
	}, (*service).deleteMember)
}

func (s *service) putMember(r *request, spec api.MemberSpec) (api.MemberChange, error) {
	if err := checkMember(spec); err != nil {
		return api.MemberChange{}, err
	}
	return memberChange(s.backend.PutMember(r.Context(), r.pool, r.id, spec, r.flags[requireHealthy.name], r.order()))
}

func (s *service) deleteMember(r *request) (api.MemberChange, error) {
	return memberChange(s.backend.DeleteMember(r.pool, r.id, r.order()))
}

func memberChange(c api.MemberChange, err error) (api.MemberChange, error) {
	c.Effect = complete(c.Effect)
	return c, err
}

// checkMember checks what the schema of a member does not say.
func checkMember(spec api.MemberSpec) error {
	return cmp.Or(
		checkAddresses("body.addresses", spec.Addresses),
		checkAddresses("body.probe_addresses", spec.ProbeAddresses),
		optional("body.region", "region", spec.Region),
	)
}
