package healthlb

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/state"
)

// defaultLease is how long a member that registered itself stays without a word when it does not say another time: it renews every 10 s
// then, and two of these may be lost.
const defaultLease = 30 * time.Second

// Register implements admin.Backend.
func (h *hub) Register(name string, spec api.RegistrationSpec, secret string, o admin.Order) (r api.Registration, err error) {
	ttl := defaultLease
	if spec.TTL != "" {
		if ttl, err = time.ParseDuration(spec.TTL); err != nil {
			return r, admin.NewProblem(http.StatusBadRequest, "ttl: %v", err)
		}
	}
	if len(spec.ProbeAddresses) > 0 { // with a token that can do nothing else, any address could be answered that way
		return r, admin.NewProblem(http.StatusBadRequest, "probe_addresses: who registers is probed at its addresses; an operator can add a member with others")
	}
	id, told := spec.ID, ""
	effect, err := h.carryOut(o, func(g *generation, now time.Time) (in intent, err error) {
		k := keptMember{MemberSpec: spec.MemberSpec, Registered: &registered{TTL: ttl}}
		p, m, err := h.newcomer(g, name, k, id)
		if err != nil {
			return in, err
		}
		id = m.ID
		before, known := h.keptMember(name, id)
		switch {
		case known && before.Registered == nil:
			return in, admin.NewProblem(http.StatusConflict, "member %s of pool %s was added by an operator", id, name)
		case known && !before.shows(secret):
			return in, h.taken(name, id)
		case known:
			k.Registered.Secret = before.Registered.Secret
		case h.full():
			return in, tooManyMembers()
		default:
			told = rand.Text()
			k.Registered.Secret = digest(told)
		}
		if e, barred := barred(h.blocks.Load(), m, name); barred && !slices.Equal(before.Addresses, k.Addresses) {
			return in, admin.NewProblem(http.StatusConflict, "%s may not register: %s", e.Address(), e)
		}
		if known && before.Registered.TTL == ttl && same(p, before, m) {
			h.leases.set(memberKey(name, id), now.Add(ttl))
			return in, nil
		}
		in.write = func(w state.Writer) error { return put(w, membersBucket, memberKey(name, id), k) }
		return in, nil
	})
	if err != nil {
		return r, err
	}
	if effect.Changed && !o.DryRun {
		h.tell(api.Event{Type: "registered", Pool: name, Member: id, Address: spec.Addresses[0], By: o.By,
			Text: fmt.Sprintf("Pool %s member %s %s has registered itself for %s", name, id, strings.Join(spec.Addresses, " "), ttl)})
	}
	r = h.registration(name, id)
	r.Changed, r.Secret = effect.Changed, told
	return r, nil
}

// shows says whether a secret is that of the registration.
func (m keptMember) shows(secret string) bool {
	return m.Registered != nil && subtle.ConstantTimeCompare(m.Registered.Secret, digest(secret)) == 1
}

// taken refuses somebody who wants to be a member that is there already.
func (h *hub) taken(name, id string) error {
	until, _ := h.leases.until(memberKey(name, id))
	return admin.NewProblem(http.StatusConflict, "member %s of pool %s is registered until %s: show its secret in the header Registration-Secret, or wait",
		id, name, until.UTC().Format(time.RFC3339))
}

// barred returns the block that forbids a member to register.
func barred(blocks *block.Set, m pool.Member, name string) (block.Entry, bool) {
	if m.V4.IsValid() {
		if e, found := blocks.Bars(m.V4, name); found {
			return e, true
		}
	}
	if m.V6.IsValid() {
		return blocks.Bars(m.V6, name)
	}
	return block.Entry{}, false
}

// Renew implements admin.Backend. It writes nothing to the disk.
func (h *hub) Renew(name, id, secret string, _ admin.Order) (r api.Registration, err error) {
	m, err := h.registered(name, id, secret)
	if err != nil {
		return r, err
	}
	if !h.leases.set(memberKey(name, id), time.Now().Add(m.Registered.TTL)) { // it runs out at this very moment
		return r, noRegistration(name, id)
	}
	return h.registration(name, id), nil
}

// Leave implements admin.Backend.
func (h *hub) Leave(name, id, secret string, o admin.Order) (r api.Registration, err error) {
	r = api.Registration{Pool: name, ID: id}
	o.Force = true // whoever leaves is not asked whether the others can spare him
	effect, err := h.carryOut(o, func(g *generation, now time.Time) (in intent, err error) {
		if m, known := h.keptMember(name, id); !known || m.Registered == nil {
			return in, nil
		}
		if _, err := h.registered(name, id, secret); err != nil {
			return in, err
		}
		in.weighLoss(g.pool(name), id, now)
		in.write = func(w state.Writer) error { return w.Delete(membersBucket, memberKey(name, id)) }
		return in, nil
	})
	if r.Changed = effect.Changed && err == nil; r.Changed {
		h.tell(api.Event{Type: "left", Pool: name, Member: id, By: o.By, Text: fmt.Sprintf("Pool %s member %s has left", name, id)})
	}
	for _, a := range effect.Addresses {
		if r.SafeAfter == nil || a.SafeAfter.After(*r.SafeAfter) {
			r.SafeAfter = &a.SafeAfter
		}
	}
	return r, err
}

// registered returns a registration to who shows its secret.
func (h *hub) registered(name, id, secret string) (keptMember, error) {
	m, known := h.keptMember(name, id)
	switch {
	case !h.current.Load().keeps():
		return m, admin.ErrReadOnly
	case !known || m.Registered == nil:
		return m, noRegistration(name, id)
	case !m.shows(secret):
		return m, admin.NewProblem(http.StatusForbidden, "the header Registration-Secret does not show the secret of member %s of pool %s", id, name)
	}
	return m, nil
}

func noRegistration(name, id string) error {
	return admin.NewProblem(http.StatusNotFound, "pool %s has no registration %s: register anew", name, id)
}

// registration is a registration as the API tells it.
func (h *hub) registration(name, id string) api.Registration {
	r := api.Registration{Pool: name, ID: id}
	key := memberKey(name, id)
	if until, found := h.leases.until(key); found {
		m, _ := h.keptMember(name, id)
		r.Lease = leaseStatus(m, until)
	}
	p := h.pool(name)
	if p == nil {
		r.Why = "there is no such pool now"
		return r
	}
	s, _ := p.Standing(id, p.around(), time.Now())
	_, there := p.runtimeSource(id)
	switch {
	case !p.config.Dynamic:
		r.Why = "the pool takes no members at run time any more"
		return r
	case !there:
		r.Why = "the Corefile has its id or an address of it"
		return r
	}
	r.Served, r.Why = s.Served, s.Why
	for i := range s.Blocks {
		r.Blocks = append(r.Blocks, *blockText(&s.Blocks[i]))
	}
	return r
}

func leaseStatus(m keptMember, until time.Time) *api.Lease {
	if m.Registered == nil {
		return nil
	}
	return &api.Lease{TTL: m.Registered.TTL.Seconds(), Until: millisecond(until)}
}

// setLease begins the lease of a member that has registered, and ends that of one that is gone. The caller holds h.keeping.
func (h *hub) setLease(key string, now time.Time) {
	name, id, _ := strings.Cut(key, " ")
	if m, known := h.kept.members[name][id]; known && m.Registered != nil {
		h.leases.set(key, now.Add(m.Registered.TTL))
		wake(h.lapses)
		return
	}
	h.leases.end(key)
}

// lapse takes members out whose lease has run out, until stop is closed.
func (h *hub) lapse(stop <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-h.lapses:
		case <-timer.C:
		}
		keys, next := h.leases.lapsed(time.Now())
		if len(keys) > 0 {
			h.endLeases(keys)
			timer.Reset(0) // others may have lapsed meanwhile
			continue
		}
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// endLeases takes the members out whose leases have run out. That needs nobody's consent: when they cannot be deleted from the store, they
// are out all the same, and after a restart each has one TTL more.
func (h *hub) endLeases(keys []string) {
	var over []string
	claim := func() {
		over = over[:0]
		for _, key := range keys {
			if h.leases.claim(key, time.Now()) { // else renewed at the last moment
				over = append(over, key)
			}
		}
	}
	err := errors.New("it is closed")
	if store := h.store.Load(); store != nil {
		err = store.Update(func(w state.Writer) error {
			claim()
			for _, key := range over {
				if err := w.Delete(membersBucket, key); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		claim()
		log.Errorf("Members whose lease has run out are taken out, but stay in the state: %v", err)
		h.forget(over)
	}
	for _, key := range over {
		name, id, _ := strings.Cut(key, " ")
		h.tell(api.Event{Type: "lapsed", Pool: name, Member: id, Reason: "not renewed", Text: fmt.Sprintf("Pool %s member %s: its lease has run out", name, id)})
	}
}

// forget takes members out that could not be deleted from the store.
func (h *hub) forget(keys []string) {
	c := state.Change{}
	for _, key := range keys {
		c.Keys = append(c.Keys, state.KeyChange{Bucket: membersBucket, Key: key})
	}
	h.applyKept(c)
}
