package healthlb

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/state"
)

// PutPool implements admin.Backend.
func (h *hub) PutPool(name string, spec api.PoolSpec, o admin.Order) (c api.PoolChange, err error) {
	kind, word := "pool_added", "added"
	c.Effect, err = h.carryOut(o, func(g *generation, now time.Time) (in intent, err error) {
		before, known, err := h.checkPool(g, name, spec)
		switch {
		case err != nil:
			return in, err
		case known && slices.Equal(before.Lines, spec.Lines):
			return in, nil
		case known:
			kind, word = "pool_changed", "changed"
		}
		in.write = func(w state.Writer) error { return put(w, poolsBucket, name, keptPool(spec)) }
		return in, nil
	})
	if err != nil || o.DryRun {
		return c, err
	}
	if c.Changed {
		h.tell(api.Event{Type: kind, Pool: name, By: o.By, Text: fmt.Sprintf("Pool %s %s", name, word)})
	}
	if p := h.pool(name); p != nil {
		if p.settled != nil {
			<-p.settled // at the latest after the first round
		}
		s := h.status(p)
		c.Pool = &s
	}
	return c, nil
}

// checkPool checks a pool that is to be made at run time, and returns the one that is there.
func (h *hub) checkPool(g *generation, name string, spec api.PoolSpec) (before keptPool, known bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := g.pool(name)
	switch before, known = h.kept.pools[name]; {
	case p != nil && !p.runtime:
		return before, known, admin.NewProblem(http.StatusConflict, "pool %s is the Corefile's, at %s, and no call can change it", name, p.config.Where)
	case g.siteOf(name) == nil:
		return before, known, admin.NewProblem(http.StatusConflict,
			"pools can be made at run time only in the zones of healthlb blocks that say `dynamic`, and %s is in none of these", name)
	case !known && len(h.kept.pools) >= maxRuntimePools:
		return before, known, admin.NewProblem(http.StatusConflict, "%d pools have been made at run time, and no more are possible", maxRuntimePools)
	}
	if _, _, err = g.runtimePool(name, spec.Lines); err != nil {
		err = admin.NewProblem(http.StatusBadRequest, "%v", err)
	}
	return before, known, err
}

// DeletePool implements admin.Backend.
func (h *hub) DeletePool(name string, o admin.Order) (c api.PoolChange, err error) {
	c.Effect, err = h.carryOut(o, func(g *generation, now time.Time) (in intent, err error) {
		p := g.pool(name)
		keys := h.keysOf(name)
		switch {
		case p != nil && !p.runtime && len(keys) == 0:
			return in, admin.NewProblem(http.StatusConflict, "pool %s is the Corefile's, at %s, and no call can change it", name, p.config.Where)
		case p != nil && !p.runtime: // the Corefile has taken the name over, with all that was ordered about its members
			keys, p = keys[:1], nil
		case len(keys) == 0:
			return in, nil
		case h.rolling(name) && !o.Force:
			return in, admin.NewProblem(http.StatusConflict, "a rollout of pool %s is under way: cancel it first, or add ?force=1", name)
		}
		if p != nil {
			in.weigh(p, p.CompareWithNothing(p.around(), now))
		}
		in.write = func(w state.Writer) error {
			for _, k := range keys {
				if err := w.Delete(k.Bucket, k.Key); err != nil {
					return err
				}
			}
			return nil
		}
		return in, nil
	})
	if err == nil && c.Changed && !o.DryRun {
		h.tell(api.Event{Type: "pool_removed", Pool: name, By: o.By, Text: fmt.Sprintf("Pool %s removed", name)})
	}
	return c, err
}

// keysOf returns what the store has of a pool made at run time, first the pool itself; nothing when there is no such pool.
func (h *hub) keysOf(name string) (keys []state.KeyChange) {
	h.keeping.Lock()
	defer h.keeping.Unlock()
	if _, known := h.kept.pools[name]; !known {
		return nil
	}
	keys = append(keys, state.KeyChange{Bucket: poolsBucket, Key: name}, state.KeyChange{Bucket: rolloutsBucket, Key: name})
	for id := range h.kept.members[name] {
		keys = append(keys, state.KeyChange{Bucket: membersBucket, Key: memberKey(name, id)})
	}
	for id := range h.kept.drains[name] {
		keys = append(keys, state.KeyChange{Bucket: drainsBucket, Key: memberKey(name, id)})
	}
	return keys
}
