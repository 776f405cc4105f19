package healthlb

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/probe"
)

// The bounds of what is probed on demand, beside the schedule.
const (
	mostProbed = 1000             // members, when the call names none
	errandTime = 25 * time.Second // for all of a call: the admin endpoint has 30 seconds to answer
)

// errandPlaces are as many as may be under way at once, of all calls together.
var errandPlaces = make(chan struct{}, probe.Spare())

// Probe implements admin.Backend.
func (h *hub) Probe(ctx context.Context, name, id string) (api.Probes, error) {
	p := h.pool(name)
	if p == nil {
		return api.Probes{}, noPool(name)
	}
	members := p.Members()
	if id != "" {
		members = slices.DeleteFunc(members, func(m pool.Member) bool { return m.ID != id })
		if len(members) == 0 {
			return api.Probes{}, noMember(name, id)
		}
	}
	if len(members) > mostProbed {
		return api.Probes{}, admin.NewProblem(http.StatusBadRequest,
			"pool %s has %d members, and at most %d are probed by one call: name one with member=ID", name, len(members), mostProbed)
	}
	if !h.probing.TryLock() {
		return api.Probes{}, admin.NewProblem(http.StatusConflict,
			"another call has members probed, and one at a time may: come again when it is over, in %v at the latest", errandTime)
	}
	defer h.probing.Unlock()

	var errands []*errand
	for i := range members {
		errands = append(errands, p.errands(&members[i])...)
	}
	p.carryOut(ctx, errands)
	probes := api.Probes{Pool: p.Name, Passed: true, Probes: make([]api.Probe, len(errands))}
	for i, e := range errands {
		probes.Probes[i] = e.told()
		probes.Passed = probes.Passed && e.result.Outcome == health.Pass
	}
	return probes, nil
}

// errand is one probe that is made on demand. Nothing follows from its result: it is not the target's, whose schedule, state and metrics
// stay as they are.
type errand struct {
	member string
	family pool.Family
	check  pool.Check // with the port that is probed
	probe  probe.Check
	at     netip.AddrPort

	trace  probe.Trace
	result probe.Result
}

// errands are the probes of a member, which need not be one of the pool's yet: A before AAAA, and the checks in their order.
func (p *livePool) errands(m *pool.Member) (all []*errand) {
	for f := range pool.Families {
		for i, c := range p.config.Probes {
			family, check := pool.Family(f), p.Checks[i]
			at := m.Probed(family, check)
			if !at.Addr().IsValid() {
				continue
			}
			check.Port = at.Port()
			all = append(all, &errand{member: m.ID, family: family, check: check, probe: c, at: at})
		}
	}
	return all
}

// carryOut makes probes, as many at once as may be, each within the pool's timeout. It returns when all of them are over: after errandTime
// or with the end of ctx at the latest.
func (p *livePool) carryOut(ctx context.Context, errands []*errand) {
	ctx, cancel := context.WithTimeout(ctx, errandTime)
	defer cancel()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(cap(errandPlaces), len(errands)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(errands)); i = next.Add(1) - 1 {
				errands[i].run(ctx, p)
			}
		})
	}
	workers.Wait()
}

// noTime is the result of a probe that was not over when the call had to be. It says nothing about the member.
var noTime = probe.Result{
	Outcome: health.Inconclusive, Reason: fmt.Sprintf("cut off: all probes of a call have %v, and this one was not over", errandTime),
}

// run makes the probe, unless the time is over.
func (e *errand) run(ctx context.Context, p *livePool) {
	select {
	case errandPlaces <- struct{}{}:
		defer func() { <-errandPlaces }()
	case <-ctx.Done():
	}
	r, begun := noTime, time.Now()
	if ctx.Err() == nil {
		within, cancel := context.WithTimeout(probe.WithTrace(ctx, &e.trace), p.config.Timeout)
		r = probe.Ask(within, e.probe, p.route(e.at))
		cancel()
		if r.Outcome != health.Pass && ctx.Err() != nil {
			r = noTime
		}
	}
	r.Start, r.Took = begun, time.Since(begun)
	e.result = r
}

// address is where the probe goes, with the port where there is one: some checks are not made over the network.
func (e *errand) address() string {
	if e.at.Port() == 0 {
		return e.at.Addr().String()
	}
	return e.at.String()
}

// told is the result as the API tells it.
func (e *errand) told() api.Probe {
	r := &e.result
	told := api.Probe{
		Member: e.member, Family: e.family.String(), Address: e.address(), Check: checkText(e.check),
		Result: r.Outcome.String(), Reason: r.Reason, Took: r.Took.Seconds(), Steps: []api.ProbeStep{},
	}
	for _, s := range e.trace.Steps() {
		told.Steps = append(told.Steps, api.ProbeStep{Step: s.Name, Took: s.Took.Seconds(), Detail: s.Detail})
	}
	if r.Weight.Said {
		told.Weight = &r.Weight.N
	}
	if !r.NotAfter.IsZero() {
		until := r.NotAfter.UTC()
		told.NotAfter = &until
	}
	return told
}
