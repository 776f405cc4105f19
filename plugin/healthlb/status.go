package healthlb

import (
	"strconv"
	"strings"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/pool"
)

// pools returns the pools that count, in the order of their names.
func (h *hub) pools() []*livePool {
	if g := h.current.Load(); g != nil {
		return g.pools
	}
	return nil
}

// pool returns one of them, or nil.
func (h *hub) pool(name string) *livePool {
	if g := h.current.Load(); g != nil {
		return g.byName[name]
	}
	return nil
}

// Pool implements admin.Backend.
func (h *hub) Pool(name string) (api.Pool, bool) {
	if p := h.pool(name); p != nil {
		return h.status(p), true
	}
	return api.Pool{}, false
}

func (h *hub) status(p *livePool) api.Pool {
	v := p.View(p.around().Blocks, time.Now())
	s := api.Pool{
		Name: p.Name, Zone: p.Zone, Status: poolStatus(v), Policy: p.Policy.Name,
		FadeIn: p.FadeIn.Over.Seconds(), Shard: p.Policy.Shard, Answers: p.Answers, TTL: p.TTL, LowTTL: p.LowTTL,
		Families: []api.Family{}, Members: []api.Member{},
	}
	if p.Prefer.Region {
		s.Prefer = "region"
	}
	for f, family := range v.Families {
		if family.Members > 0 {
			s.Families = append(s.Families, api.Family{
				Family: pool.Family(f).String(), Members: family.Members, Eligible: family.Eligible,
				MinUp: family.MinUp, AllDown: family.AllDown,
			})
		}
	}
	for _, m := range v.Members {
		ms := api.Member{ID: m.ID, Region: m.Region, Weight: m.Weight, Priority: m.Priority}
		for _, a := range m.Addresses {
			as := addressStatus(a)
			if p.Policy.Leases() {
				as.Load = &api.Load{Leases: a.Leases, Reported: a.Reported}
			}
			ms.Addresses = append(ms.Addresses, as)
		}
		s.Members = append(s.Members, ms)
	}
	return s
}

// poolStatus sums a pool up: full, when all its addresses are eligible; down, when some family has too few; degraded in between.
func poolStatus(v pool.View) string {
	status := "full"
	for _, f := range v.Families {
		switch {
		case f.AllDown:
			return "down"
		case f.Able < f.Members:
			status = "degraded"
		}
	}
	return status
}

func addressStatus(a pool.AddressView) api.Address {
	s := api.Address{
		Address: a.Addr.String(), Family: a.Family.String(), State: a.State.String(), Since: millisecond(a.Since), Reason: a.Reason,
		Eligible: a.Eligible, Block: blockText(a.Block), Fade: a.Fade, ShareConfigured: a.Configured, ShareServed: a.Served, Answers: a.Answers,
		LastAnswered: a.Answered, SafeAfter: a.SafeAfter,
	}
	for _, c := range a.Checks {
		cs := api.Check{
			Check: checkText(c.Check), State: c.Record.State.String(), Failures: c.Record.Fails,
			Took: c.Last.Took.Seconds(), Reason: c.Last.Reason,
		}
		if !c.Last.At.IsZero() {
			at := millisecond(c.Last.At)
			cs.LastProbe = &at
		}
		s.Checks = append(s.Checks, cs)
	}
	return s
}

// millisecond returns a time as exactly as an operator can use it.
func millisecond(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// checkText names a check with its port, as the Corefile would.
func checkText(c pool.Check) string {
	kind, options, _ := strings.Cut(c.Name, " ")
	return strings.TrimSpace(kind + " " + strconv.Itoa(int(c.Port)) + " " + options)
}

// blockText returns an entry of the block list as the API has it; nil for none.
func blockText(e *block.Entry) *api.Block {
	if e == nil {
		return nil
	}
	b := &api.Block{Address: e.Address(), Pool: e.Pool, Reason: e.Reason, Owner: e.Owner, Mode: string(e.Mode)}
	if !e.Until.IsZero() {
		b.Until = e.Until.Format(time.RFC3339)
	}
	return b
}
