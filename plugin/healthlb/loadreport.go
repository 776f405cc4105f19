package healthlb

import (
	"net/http"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/policy"
)

// ReportLoad implements admin.Backend. What members report is kept in memory only: after a restart they report again.
func (h *hub) ReportLoad(name, id string, load float64, _ string) (api.LoadReport, error) {
	p := h.pool(name)
	if p == nil {
		return api.LoadReport{}, admin.NewProblem(http.StatusNotFound, "there is no pool %s", name)
	}
	if p.Policy.Report == 0 {
		return api.LoadReport{}, admin.NewProblem(http.StatusConflict,
			"pool %s takes no reports: its policy is %s; write `policy %s report DURATION`", name, p.Policy.Name, policy.Least)
	}
	until := time.Now().Add(p.Policy.Report)
	if !p.ReportLoad(id, load, until) {
		return api.LoadReport{}, admin.NewProblem(http.StatusNotFound, "pool %s has no member %s", name, id)
	}
	return api.LoadReport{Pool: name, Member: id, Load: load, Until: millisecond(until)}, nil
}
