package healthlb

import (
	"errors"
	"fmt"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/state"
)

// omittedAddress is an address that a change keeps out of a pool's answers.
type omittedAddress struct {
	pool.Omitted
	pool string
}

// intent is a change that is weighed, and not made yet.
type intent struct {
	pools    []api.FamilyEffect
	omitted  []omittedAddress
	etag     string
	warnings []string
	write    func(state.Writer) error // nil: all is so already
}

// weigh adds what the change would do to a pool.
func (in *intent) weigh(p *livePool, effects []pool.Effect) {
	for _, c := range effects {
		in.pools = append(in.pools, api.FamilyEffect{
			Pool: p.Name, Family: c.Family.String(), MinUp: c.MinUp,
			EligibleBefore: c.Before, EligibleAfter: c.After, Refused: refusal(c),
		})
		for _, o := range c.Omitted {
			in.omitted = append(in.omitted, omittedAddress{o, p.Name})
		}
	}
}

// weighLoss adds what it would do to a pool to lose a member that came at run time.
func (in *intent) weighLoss(p *livePool, id string, now time.Time) {
	if _, runtime := p.runtimeSource(id); runtime {
		in.weigh(p, p.Compare(p.around(), p.around(), id, now))
	}
}

// refusal says why a change needs force: it takes a family from enough members to too few, or from naming someone to naming no one.
// What was bad before does not refuse a change.
func refusal(c pool.Effect) string {
	switch {
	case !c.AllDownBefore && c.After < c.MinUp:
		return fmt.Sprintf("%d would be eligible, and min_up is %d", c.After, c.MinUp)
	case c.NamesBefore && !c.NamesAfter:
		return "answers would name no one"
	default:
		return ""
	}
}

// refused says why the change needs force; empty when it does not.
func (in *intent) refused() string {
	for _, p := range in.pools {
		if p.Refused != "" {
			return p.Refused
		}
	}
	return ""
}

// effect tells what the change does. When each address has run out of caches is as far as answers are known up to now.
func (in *intent) effect(o admin.Order) api.Effect {
	e := api.Effect{
		Changed: in.write != nil, DryRun: o.DryRun, ETag: in.etag, Warnings: in.warnings,
		Pools: append([]api.FamilyEffect{}, in.pools...), Addresses: make([]api.AddressEffect, len(in.omitted)),
	}
	for i, o := range in.omitted {
		e.Addresses[i] = api.AddressEffect{Pool: o.pool, Address: o.Addr.String(), SafeAfter: o.SafeAfter()}
	}
	return e
}

// errDryRun ends a transaction that was to tell its effect only.
var errDryRun = errors.New("dry run")

// carryOut makes a change in one transaction, unless it is a dry run or would leave a pool with too few. prepare looks at what there is, which
// stays so until the change is in force.
func (h *hub) carryOut(o admin.Order, prepare func(g *generation, now time.Time) (intent, error)) (api.Effect, error) {
	store, g := h.store.Load(), h.current.Load()
	if store == nil || !g.keeps() {
		return api.Effect{}, admin.ErrReadOnly
	}
	var in intent
	err := store.Update(func(w state.Writer) (err error) {
		if in, err = prepare(g, time.Now()); err != nil {
			return err
		}
		switch {
		case o.DryRun:
			return errDryRun
		case in.write == nil:
			return nil
		case in.refused() != "" && !o.Force:
			refused := in
			refused.write = nil
			return &admin.InterlockError{Effect: refused.effect(o)}
		}
		return in.write(w)
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return api.Effect{}, err
	}
	return in.effect(o), nil // only now: up to the change there were answers that named the addresses
}
