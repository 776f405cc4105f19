package healthlb

import (
	"fmt"
	"net/http"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/state"
)

// Drain implements admin.Backend.
func (h *hub) Drain(name, id string, spec api.DrainSpec, o admin.Order) (c api.DrainChange, err error) {
	c.Effect, err = h.carryOut(o, func(g *generation, now time.Time) (in intent, err error) {
		p := g.pool(name)
		switch {
		case p == nil:
			return in, noPool(name)
		case !p.HasMember(id):
			return in, noMember(name, id)
		}
		before, drained := h.keptDrain(name, id)
		out := now
		if spec.Lead {
			out = now.Add(time.Duration(p.TTL)*time.Second + time.Second) // what was answered up to now is counted in whole seconds
		}
		foreign := drained && before.Owner != spec.Owner
		switch {
		case foreign && before.Owner != "" && !o.Force: // who gives it back would let the member in that somebody else wants out
			return in, admin.NewProblem(http.StatusConflict, "member %s of pool %s is drained by %s already; add ?force=1 to make the drain yours",
				id, name, before.Owner)
		case drained && !before.Out.After(out) && !foreign:
			return in, nil // it is out by then in any case
		case drained && !before.Out.After(out):
			out = before.Out
		}
		if !drained && h.countDrains() >= maxDrains {
			return in, admin.NewProblem(http.StatusConflict, "%d members are drained, and no more are possible", maxDrains)
		}
		if in.weighDrain(p, p.around(), id, now); spec.Lead {
			in.omitted = nil // not yet: the drain says when it is safe
		}
		d := keptDrain{Since: now, Out: out, Owner: spec.Owner, Reason: spec.Reason, By: o.By}
		in.write = func(w state.Writer) error { return put(w, drainsBucket, memberKey(name, id), d) }
		return in, nil
	})
	if err != nil || o.DryRun {
		return c, err
	}
	if c.Changed {
		text := fmt.Sprintf("Pool %s member %s is drained", name, id)
		if spec.Lead {
			text += " after a lead"
		}
		text += orderText(spec.Owner, spec.Reason)
		h.tell(api.Event{Type: "drain", Pool: name, Member: id, Owner: spec.Owner, Reason: spec.Reason, By: o.By, Text: text})
	}
	if m := h.member(name, id); m != nil {
		c.Drain = m.Drain
	}
	return c, nil
}

// Undrain implements admin.Backend.
func (h *hub) Undrain(name, id, owner string, o admin.Order) (c api.DrainChange, err error) {
	c.Effect, err = h.carryOut(o, func(g *generation, now time.Time) (in intent, err error) {
		d, drained := h.keptDrain(name, id)
		p := g.pool(name)
		switch {
		case !drained && p == nil:
			return in, noPool(name)
		case !drained && !p.HasMember(id):
			return in, noMember(name, id)
		case !drained:
			return in, nil
		case d.Owner != "" && d.Owner != owner && !o.Force:
			return in, admin.NewProblem(http.StatusConflict, "member %s of pool %s is drained by %s; add ?force=1 to let it back in all the same", id, name, d.Owner)
		}
		if p != nil {
			by := p.around()
			without := by
			without.Drains = withDrain(by.Drains, id, nil)
			in.weigh(p, p.Compare(by, without, "", now))
		}
		in.write = func(w state.Writer) error { return w.Delete(drainsBucket, memberKey(name, id)) }
		return in, nil
	})
	if err == nil && c.Changed && !o.DryRun {
		h.tell(api.Event{Type: "undrain", Pool: name, Member: id, Owner: owner, By: o.By,
			Text: fmt.Sprintf("Pool %s member %s is drained no more", name, id) + orderText(owner, "")})
	}
	return c, err
}

func noMember(name, id string) error {
	return admin.NewProblem(http.StatusNotFound, "pool %s has no member %s", name, id)
}

// keptDrain returns the drain of a member.
func (h *hub) keptDrain(name, id string) (keptDrain, bool) {
	h.keeping.Lock()
	defer h.keeping.Unlock()
	d, found := h.kept.drains[name][id]
	return d, found
}

func (h *hub) countDrains() int {
	h.keeping.Lock()
	defer h.keeping.Unlock()
	return h.kept.countDrains
}

// weighDrain adds what it would do to a pool to have one more member out. It returns what would be around the pool then.
func (in *intent) weighDrain(p *livePool, by pool.Around, id string, now time.Time) pool.Around {
	drained := by
	drained.Drains = withDrain(by.Drains, id, &pool.Drain{Out: now})
	in.weigh(p, p.Compare(by, drained, "", now))
	return drained
}

// withDrain returns drains with another one for a member, or with nil without one.
func withDrain(drains map[string]pool.Drain, id string, d *pool.Drain) map[string]pool.Drain {
	now := make(map[string]pool.Drain, len(drains)+1)
	for other, d := range drains {
		if other != id {
			now[other] = d
		}
	}
	if d != nil {
		now[id] = *d
	}
	return now
}

// drainStatus is a drain as the API tells it; nil when there is none.
func drainStatus(d keptDrain, m pool.MemberView, lowTTL uint32, now time.Time) *api.Drain {
	s := &api.Drain{
		Since: millisecond(d.Since), Owner: d.Owner, Reason: d.Reason, By: d.By, OutAt: millisecond(d.Out), Out: m.Drained,
	}
	named := false
	s.SafeAfter, named = m.SafeAfter()
	if !s.Out { // it will be named up to the end of the lead
		s.SafeAfter = millisecond(d.Out.Add(time.Duration(lowTTL)*time.Second + time.Second).Truncate(time.Second))
	}
	s.Safe = s.Out && safe(d, named, s.SafeAfter, now)
	return s
}

// underWay is for how long a query that was there before a drain may still be answered with the member. Some microseconds would do: to
// make an answer takes 0.2 of one (BenchmarkServeDNS).
const underWay = 100 * time.Millisecond

// safe says whether a member that is drained can be stopped: no cache that keeps to TTL holds it.
func safe(d keptDrain, named bool, safeAfter, now time.Time) bool {
	return !named && !safeAfter.After(now) && now.Sub(d.Out) > underWay
}
