package healthlb

import (
	"net/http"
	"slices"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/pool"
)

// explainDraws is how many answers the shares of an explanation are taken from: so many that a share is right to a percent (three times
// the standard deviation of a share of one half is 1.5%).
const explainDraws = 10_000

// Explain implements admin.Backend.
func (h *hub) Explain(q admin.ExplainQuery) (api.Explanation, error) {
	p := h.poolFor(q.Name)
	if p == nil {
		return api.Explanation{}, admin.NewProblem(http.StatusNotFound, "there is no pool that answers for %s", q.Name)
	}
	if q.Without != "" && !p.HasMember(q.Without) {
		return api.Explanation{}, admin.NewProblem(http.StatusNotFound, "pool %s has no member %s", p.Name, q.Without)
	}
	if q.Region != "" && p.site.label == "" {
		return api.Explanation{}, admin.NewProblem(http.StatusBadRequest, "region: pool %s takes the client's region from its address, and not from another plugin", p.Name)
	}
	if q.Region == "" && p.site.label != "" && p.Prefer.Region {
		return api.Explanation{}, admin.NewProblem(http.StatusBadRequest,
			"pool %s has the plugin geoip tell clients' regions, which cannot be asked from here: say region=REGION, for a client of no region any that no member has", p.Name)
	}
	h.explaining.Lock()
	defer h.explaining.Unlock()
	f := pool.A
	if q.Type == dns.TypeToString[dns.TypeAAAA] {
		f = pool.AAAA
	}
	asked := pool.Query{Client: answer.ClientIn(q.Client), Name: q.Name, Region: q.Region}
	e := p.Explain(f, asked, p.around(), q.Without, explainDraws, time.Now())
	told := api.Explanation{
		Name: q.Name, Pool: p.Name, Type: q.Type, Client: clientText(q), Region: e.Region, Without: q.Without, Policy: p.Policy.Name,
		AllDown: e.AllDown, EligibleCount: e.Eligible, MinUp: e.MinUp, Draws: e.Draws,
		Answer: api.ExplainAnswer{RCode: dns.RcodeToString[e.Rcode], TTL: e.TTL, Scope: e.Scope},
	}
	for _, addr := range e.Answer {
		told.Answer.Addresses = append(told.Answer.Addresses, addr.String())
	}
	for _, m := range e.Members {
		told.Members = append(told.Members, api.ExplainMember{
			ID: m.ID, Address: m.Addr.String(), In: m.In, Stage: m.Stage, Why: m.Why, Share: m.Share,
		})
	}
	return told, nil
}

// clientText writes a client as one would ask for it: a single address without its prefix length.
func clientText(q admin.ExplainQuery) string {
	if q.Client.IsSingleIP() {
		return q.Client.Addr().String()
	}
	return q.Client.String()
}

// poolFor returns the pool that answers for a name, its own or one that a wildcard covers; nil when there is none. Of several zones that
// a name is in, CoreDNS asks the longest.
func (h *hub) poolFor(name string) *livePool {
	g := h.current.Load()
	if g == nil {
		return nil
	}
	for zone, ok := name, true; ok; zone, ok = parentOf(zone) {
		asked := false
		for _, s := range g.sites {
			if !slices.Contains(s.zones, zone) {
				continue
			}
			asked = true
			if m := s.names.Load().find(name); m.node != nil && m.node.pool != nil {
				return g.pool(m.node.pool.Name)
			}
		}
		if asked {
			return nil
		}
	}
	return nil
}
