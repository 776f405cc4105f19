package admin

import (
	"net/http"

	"example.org/healthlb/api"
)

var onlyMember = parameter{name: "member", doc: "the id of the only member that is probed; all are when it is not said"}

func (s *service) probeCalls() {
	ask(s, call{
		method: http.MethodPost, path: "/v1/pools/{pool}/probe", id: "probePool",
		summary: "Probe the members of a pool at once",
		text: "All checks of each member in each family, whatever orders stand against it, with the steps of each probe. It changes nothing: " +
			"states, counters and schedules stay as they are. 400: the pool has more than 1000 members, and one must be named. " +
			"409: another such call is under way.",
		query: []parameter{onlyMember}, fails: []int{http.StatusNotFound, http.StatusConflict},
	}, (*service).postProbe)
}

func (s *service) postProbe(r *request) (api.Probes, error) {
	id, err := optionalWord(r.query, onlyMember.name)
	if err != nil {
		return api.Probes{}, err
	}
	probes, err := s.backend.Probe(r.Context(), r.pool, id)
	return completeProbes(probes), err
}

// completeProbes makes empty lists of missing ones, as callers expect an array.
func completeProbes(p api.Probes) api.Probes {
	list := make([]api.Probe, len(p.Probes))
	copy(list, p.Probes)
	for i := range list {
		if list[i].Steps == nil {
			list[i].Steps = []api.ProbeStep{}
		}
	}
	p.Probes = list
	return p
}
