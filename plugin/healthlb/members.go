package healthlb

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/state"
)

// PutMember implements admin.Backend.
func (h *hub) PutMember(ctx context.Context, name, id string, spec api.MemberSpec, healthy bool, o admin.Order) (c api.MemberChange, err error) {
	if healthy {
		if err := h.mustPass(ctx, name, id, spec); err != nil {
			return c, err
		}
	}
	kind, word := "member_added", "Added to"
	c.Effect, err = h.carryOut(o, func(g *generation, now time.Time) (in intent, err error) {
		p, m, err := h.newcomer(g, name, keptMember{MemberSpec: spec}, id)
		if err != nil {
			return in, err
		}
		before, known := h.keptMember(name, id)
		switch {
		case known && before.Registered != nil:
			return in, admin.NewProblem(http.StatusConflict, "member %s of pool %s has registered itself: remove it first", id, name)
		case known && same(p, before, m):
			return in, nil
		case !known && h.full():
			return in, tooManyMembers()
		case known:
			kind, word = "member_changed", "Changed in"
			in.weighMember(p, id, m, now)
		}
		in.write = func(w state.Writer) error {
			return put(w, membersBucket, memberKey(name, id), keptMember{MemberSpec: spec})
		}
		return in, nil
	})
	if err != nil || o.DryRun {
		return c, err
	}
	if c.Changed {
		h.tell(api.Event{Type: kind, Pool: name, Member: id, Address: spec.Addresses[0], By: o.By,
			Text: fmt.Sprintf("%s pool %s: member %s %s", word, name, id, strings.Join(spec.Addresses, " "))})
	}
	if healthy {
		h.awaitMember(ctx, name, id)
	}
	c.Member = h.member(name, id)
	return c, nil
}

// DeleteMember implements admin.Backend.
func (h *hub) DeleteMember(name, id string, o admin.Order) (c api.MemberChange, err error) {
	c.Effect, err = h.carryOut(o, func(g *generation, now time.Time) (in intent, err error) {
		p := g.pool(name)
		if _, known := h.keptMember(name, id); !known {
			switch {
			case p == nil:
				return in, noPool(name)
			case p.HasMember(id):
				return in, admin.NewProblem(http.StatusConflict,
					"member %s of pool %s is the Corefile's, which no call can change: take it out there, or drain or block it", id, name)
			}
			return in, nil
		}
		in.weighLoss(p, id, now)
		in.write = func(w state.Writer) error { return h.deleteMember(w, name, id) }
		return in, nil
	})
	if err == nil && c.Changed && !o.DryRun {
		h.tell(api.Event{Type: "member_removed", Pool: name, Member: id, By: o.By, Text: fmt.Sprintf("Removed from pool %s: member %s", name, id)})
	}
	return c, err
}

// deleteMember takes a member that an operator has removed out of the store, with its drain; but not with that of one of the Corefile that
// has its id by now. A member that leaves by itself and comes again is still drained: it does not undo what an operator has ordered.
func (h *hub) deleteMember(w state.Writer, name, id string) error {
	if err := w.Delete(membersBucket, memberKey(name, id)); err != nil {
		return err
	}
	p := h.pool(name)
	if _, runtime := p.runtimeSource(id); p != nil && p.HasMember(id) && !runtime {
		return nil
	}
	return w.Delete(drainsBucket, memberKey(name, id))
}

// newcomer checks a member that is to be added, or changed, by what the pool has.
func (h *hub) newcomer(g *generation, name string, k keptMember, id string) (*livePool, pool.Member, error) {
	p := g.pool(name)
	switch {
	case p == nil:
		return nil, pool.Member{}, noPool(name)
	case !p.config.Dynamic:
		return nil, pool.Member{}, admin.NewProblem(http.StatusConflict,
			"the members of pool %s are the Corefile's, and no call can add others: write `dynamic` in the pool, or in the healthlb block", name)
	}
	m, err := p.config.Member(k.text(id))
	if err != nil {
		return nil, m, admin.NewProblem(http.StatusBadRequest, "%v", err)
	}
	if !plain(m.ID) {
		return nil, m, admin.NewProblem(http.StatusBadRequest, "id %q: want one that begins with a letter or a digit, or an address", m.ID)
	}
	_, runtime := p.runtimeSource(m.ID)
	for _, other := range p.Members() {
		if other.ID == m.ID && !runtime {
			return nil, m, admin.NewProblem(http.StatusConflict, "member %s of pool %s is the Corefile's, which no call can change", id, name)
		}
		if other.ID != m.ID && (m.V4.IsValid() && m.V4 == other.V4 || m.V6.IsValid() && m.V6 == other.V6) {
			return nil, m, admin.NewProblem(http.StatusConflict, "member %s of pool %s has that address already", other.ID, name)
		}
	}
	return p, m, nil
}

// same says whether a member that came at run time is m already.
func same(p *livePool, before keptMember, m pool.Member) bool {
	was, err := p.config.Member(before.text(m.ID))
	return err == nil && was == m
}

// plain says whether an id cannot be taken for an option or a folder where it comes into a command or a path.
func plain(id string) bool {
	first := id[0]
	_, err := netip.ParseAddr(id)
	return err == nil || 'a' <= first && first <= 'z' || 'A' <= first && first <= 'Z' || '0' <= first && first <= '9'
}

func noPool(name string) error {
	return admin.NewProblem(http.StatusNotFound, "there is no pool %s", name)
}

func tooManyMembers() error {
	return admin.NewProblem(http.StatusConflict, "%d members have been added at run time, and no more are possible", maxRuntimeMembers)
}

// keptMember returns a member that came at run time.
func (h *hub) keptMember(name, id string) (keptMember, bool) {
	h.keeping.Lock()
	defer h.keeping.Unlock()
	m, found := h.kept.members[name][id]
	return m, found
}

// full says whether no more members can be added.
func (h *hub) full() bool {
	h.keeping.Lock()
	defer h.keeping.Unlock()
	return h.kept.countMembers >= maxRuntimeMembers
}

// weighMember adds what it would do to make a member another one: if its addresses or its port change, it is a new one that has yet to
// pass.
func (in *intent) weighMember(p *livePool, id string, m pool.Member, now time.Time) {
	for _, before := range p.Members() {
		if before.ID == id && (before.V4 != m.V4 || before.V6 != m.V6 || before.Port != m.Port) {
			in.weighLoss(p, id, now)
		}
	}
}

// member returns a member as the API tells it; nil when there is none.
func (h *hub) member(name, id string) *api.Member {
	if p := h.pool(name); p != nil {
		s := h.status(p)
		if i := slices.IndexFunc(s.Members, func(m api.Member) bool { return m.ID == id }); i >= 0 {
			return &s.Members[i]
		}
	}
	return nil
}

// mustPass probes a member that is to be added, and refuses one that does not pass.
func (h *hub) mustPass(ctx context.Context, name, id string, spec api.MemberSpec) error {
	if !h.current.Load().keeps() {
		return admin.ErrReadOnly
	}
	p, m, err := h.newcomer(h.current.Load(), name, keptMember{MemberSpec: spec}, id)
	if err != nil {
		return err
	}
	errands := p.errands(&m)
	p.carryOut(ctx, errands)
	var failures []string
	for _, e := range errands {
		if e.result.Outcome != health.Pass {
			failures = append(failures, fmt.Sprintf("%s at %s: %s", e.probe.Kind(), e.address(), e.result.Reason))
		}
	}
	if len(failures) == 0 {
		return nil
	}
	slices.Sort(failures)
	return admin.NewProblem(http.StatusUnprocessableEntity, "member %s does not pass its checks, and was not added: %s", id, strings.Join(failures, "; "))
}

// awaitMember waits until the first results of a member are in, and in force.
func (h *hub) awaitMember(ctx context.Context, name, id string) {
	p := h.pool(name)
	if p == nil {
		return
	}
	var waiting []<-chan struct{}
	h.mu.Lock()
	for _, s := range p.Slots() {
		key, _ := p.targetOf(s)
		t := h.targets[key]
		if t == nil || s.Member() != id {
			continue
		}
		t.mu.Lock()
		if first := t.await(); first != nil {
			waiting = append(waiting, first)
		}
		t.mu.Unlock()
	}
	h.mu.Unlock()
	await(waiting, p.firstRound(), ctx.Done())
	h.rebuild(p) // else it is due in a moment
}
