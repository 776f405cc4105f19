package healthlb

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/probe"
)

// pools returns the pools that count, in the order of their names.
func (h *hub) pools() []*livePool {
	if g := h.current.Load(); g != nil {
		return g.set.Load().sorted
	}
	return nil
}

// pool returns one of them, or nil.
func (h *hub) pool(name string) *livePool {
	return h.current.Load().pool(name)
}

// Pools implements admin.Backend.
func (h *hub) Pools(after string, limit int) (page []api.Pool, more bool) {
	g := h.current.Load()
	if g == nil {
		return nil, false
	}
	rest := g.set.Load().after(after)
	for _, p := range rest[:min(limit, len(rest))] {
		page = append(page, h.status(p))
	}
	return page, len(rest) > limit
}

// Pool implements admin.Backend.
func (h *hub) Pool(name string) (api.Pool, bool) {
	if p := h.pool(name); p != nil {
		return h.status(p), true
	}
	return api.Pool{}, false
}

func (h *hub) status(p *livePool) api.Pool {
	now := time.Now()
	v := p.View(p.around(), now)
	s := api.Pool{
		Name: p.Name, Zone: p.Zone, Source: "corefile", Dynamic: p.config.Dynamic, Policy: p.Policy.Name,
		FadeIn: p.FadeIn.Over.Seconds(), Shard: p.Policy.Shard, Answers: p.Answers, TTL: p.TTL, LowTTL: p.LowTTL,
		Budget: p.config.FailoverBudget().Seconds(), Isolated: h.isolated(), Stale: v.Stale,
		Families: []api.Family{}, Members: []api.Member{},
	}
	s.Status, s.Reason = poolStatus(v)
	if p.runtime {
		s.Source = "api"
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
	for i, m := range v.Members {
		ms := api.Member{ID: m.ID, Source: p.source(i, m.ID), Region: m.Region, Weight: m.Weight, Priority: m.Priority}
		if d, drained := h.keptDrain(p.Name, m.ID); drained {
			ms.Drain = drainStatus(d, m, p.LowTTL, now)
		}
		if until, found := h.leases.until(memberKey(p.Name, m.ID)); found && ms.Source == "registration" {
			k, _ := h.keptMember(p.Name, m.ID)
			ms.Lease = leaseStatus(k, until)
		}
		for _, a := range m.Addresses {
			as := h.addressStatus(p, a)
			if p.Policy.Leases() {
				as.Load = &api.Load{Leases: a.Leases, Reported: a.Reported}
			}
			ms.Addresses = append(ms.Addresses, as)
		}
		s.Members = append(s.Members, ms)
	}
	return s
}

// poolStatus sums a pool up: full, when all its addresses are eligible; down, when some family has too few; empty, when there is no
// member; degraded in between. The reason names the first of those that are not eligible.
func poolStatus(v pool.View) (status, reason string) {
	if len(v.Members) == 0 {
		return "empty", "it has no member"
	}
	status = "full"
	for f, family := range v.Families {
		switch {
		case family.AllDown:
			return "down", fmt.Sprintf("%s: %d of %d eligible, and min_up is %d%s", pool.Family(f), family.Eligible, family.Members, family.MinUp, firstOut(v))
		case family.Able < family.Members, family.Spared > 0:
			status = "degraded"
		}
	}
	if status == "degraded" {
		reason = strings.TrimPrefix(firstOut(v), "; ")
	}
	return status, reason
}

// firstOut says why the first address is out that is, and how many others are.
func firstOut(v pool.View) (text string) {
	others := 0
	for _, m := range v.Members {
		for _, a := range m.Addresses {
			switch {
			case a.Eligible && a.State.Serving():
			case text != "":
				others++
			default:
				text = "; " + m.ID + " " + whyOut(m, a)
			}
		}
	}
	if others > 0 {
		text += fmt.Sprintf(", and %d more", others)
	}
	return text
}

// whyOut says why an address is not eligible.
func whyOut(m pool.MemberView, a pool.AddressView) string {
	switch {
	case a.Block != nil && a.Block.Reason != "":
		return "is blocked: " + a.Block.Reason
	case a.Block != nil:
		return "is blocked"
	case m.Drained:
		return "is drained"
	case a.Reason != "":
		return "is " + a.State.String() + ": " + a.Reason
	default:
		return "is " + a.State.String()
	}
}

func (h *hub) addressStatus(p *livePool, a pool.AddressView) api.Address {
	s := api.Address{
		Address: a.Addr.String(), Family: a.Family.String(), State: a.State.String(), Since: millisecond(a.Since), Reason: a.Reason,
		Eligible: a.Eligible, Block: blockText(a.Block), Fade: a.Fade, ShareConfigured: a.Configured, ShareServed: a.Served, Answers: a.Answers,
		LastAnswered: a.Answered, SafeAfter: a.SafeAfter, Excused: a.Excused,
	}
	if !a.HeldUntil.IsZero() {
		s.HeldUntil = pointer(millisecond(a.HeldUntil))
	}
	if a.Percent >= 0 {
		s.Weight = &a.Percent
	}
	if s.Block == nil {
		if e, barred := p.around().Blocks.Bars(a.Addr, p.Name); barred {
			s.Block = blockText(&e)
		}
	}
	for _, c := range a.Checks {
		cs := api.Check{
			Check: checkText(c.Check), State: c.Record.State.String(), Failures: c.Record.Fails,
			Took: c.Last.Took.Seconds(), Reason: c.Last.Reason, Stale: c.Stale,
		}
		if entry := h.entryOf(p, c.Slot); entry != nil {
			if at, waits := entry.Next(); waits {
				cs.NextProbe = pointer(millisecond(at))
			}
			if p.config.Tripwire && entry.Wire() != probe.WireOff {
				cs.Tripwire = entry.Wire().String()
			}
		}
		if !c.Last.At.IsZero() {
			cs.LastProbe = pointer(millisecond(c.Last.At))
		}
		if !c.NotAfter.IsZero() {
			cs.CertExpires = pointer(c.NotAfter.UTC())
			cs.CertWarning = expiresSoon(p.config.Probes[c.Slot.Check], c.NotAfter, time.Now())
		}
		s.Checks = append(s.Checks, cs)
	}
	return s
}

func pointer[T any](v T) *T { return &v }

// millisecond returns a time as exactly as an operator can use it.
func millisecond(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// checkText names a check with its port, if it has one, as the Corefile would.
func checkText(c pool.Check) string {
	if c.Port == 0 {
		return c.Name
	}
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
