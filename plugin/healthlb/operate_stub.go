package healthlb

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/event"
)

var errLater = admin.NewProblem(http.StatusNotImplemented, "this call is still to come")

func (h *hub) PutPool(string, api.PoolSpec, admin.Order) (c api.PoolChange, err error) {
	return c, errLater
}
func (h *hub) DeletePool(string, admin.Order) (c api.PoolChange, err error) { return c, errLater }
func (h *hub) PutMember(context.Context, string, string, api.MemberSpec, bool, admin.Order) (c api.MemberChange, err error) {
	return c, errLater
}
func (h *hub) DeleteMember(string, string, admin.Order) (c api.MemberChange, err error) {
	return c, errLater
}
func (h *hub) Drain(string, string, api.DrainSpec, admin.Order) (c api.DrainChange, err error) {
	return c, errLater
}
func (h *hub) Undrain(string, string, string, admin.Order) (c api.DrainChange, err error) {
	return c, errLater
}
func (h *hub) Register(string, api.RegistrationSpec, string, admin.Order) (r api.Registration, err error) {
	return r, errLater
}
func (h *hub) Renew(string, string, string, admin.Order) (r api.Registration, err error) {
	return r, errLater
}
func (h *hub) Leave(string, string, string, admin.Order) (r api.Registration, err error) {
	return r, errLater
}
func (h *hub) Rollout(string) (r api.Rollout, err error) { return r, errLater }
func (h *hub) StartRollout(string, api.RolloutSpec, admin.Order) (r api.Rollout, err error) {
	return r, errLater
}
func (h *hub) SteerRollout(string, admin.Steering, admin.Order) (r api.Rollout, err error) {
	return r, errLater
}
func (h *hub) ReportRollout(string, api.RolloutReport, admin.Order) (r api.Rollout, err error) {
	return r, errLater
}
func (h *hub) Events() *event.Log { return nil }

// Pools implements admin.Backend.
func (h *hub) Pools(after string, limit int) (page []api.Pool, more bool) {
	all := h.pools()
	i, found := slices.BinarySearchFunc(all, after, func(p *livePool, name string) int { return strings.Compare(p.Name, name) })
	if found {
		i++
	}
	rest := all[i:]
	for _, p := range rest[:min(limit, len(rest))] {
		page = append(page, h.status(p))
	}
	return page, len(rest) > limit
}
