package healthlb

import (
	"context"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
)

// Probe implements admin.Backend.
func (h *hub) Probe(ctx context.Context, name, id string) (api.Probes, error) {
	return api.Probes{}, admin.NewProblem(501, "not here yet")
}
