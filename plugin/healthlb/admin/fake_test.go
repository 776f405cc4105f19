package admin

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/event"
)

// made is a call that the fake has got, with its arguments but for who asks.
type made struct {
	name string
	args []any
}

// note notes a call, and returns the error of all of them.
func (f *fake) note(o Order, name string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.by = o.By
	o.By = ""
	f.made = append(f.made, made{name, append(args, o)})
	return f.fail
}

// wantMade compares the calls since the last time with those wanted.
func (f *fake) wantMade(t *testing.T, want ...made) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.made)+len(want) > 0 && !reflect.DeepEqual(f.made, want) {
		t.Errorf("the backend got %+v, want %+v", f.made, want)
	}
	f.made = nil
}

var fakeEffect = api.Effect{Changed: true}

func (f *fake) PutPool(name string, spec api.PoolSpec, o Order) (api.PoolChange, error) {
	return api.PoolChange{Effect: fakeEffect, Pool: &api.Pool{Name: name}}, f.note(o, "PutPool", name, spec)
}

func (f *fake) DeletePool(name string, o Order) (api.PoolChange, error) {
	return api.PoolChange{Effect: fakeEffect}, f.note(o, "DeletePool", name)
}

func (f *fake) PutMember(ctx context.Context, pool, id string, spec api.MemberSpec, healthy bool, o Order) (api.MemberChange, error) {
	if err := ctx.Err(); err != nil {
		return api.MemberChange{}, err
	}
	return api.MemberChange{Effect: fakeEffect, Member: &api.Member{ID: id}}, f.note(o, "PutMember", pool, id, spec, healthy)
}

func (f *fake) DeleteMember(pool, id string, o Order) (api.MemberChange, error) {
	return api.MemberChange{}, f.note(o, "DeleteMember", pool, id)
}

func (f *fake) Drain(pool, id string, spec api.DrainSpec, o Order) (api.DrainChange, error) {
	return api.DrainChange{Effect: fakeEffect, Drain: &api.Drain{Since: fakeUntil, OutAt: fakeUntil, SafeAfter: fakeUntil}},
		f.note(o, "Drain", pool, id, spec)
}

func (f *fake) Undrain(pool, id, owner string, o Order) (api.DrainChange, error) {
	return api.DrainChange{Effect: fakeEffect}, f.note(o, "Undrain", pool, id, owner)
}

func (f *fake) Register(pool string, spec api.RegistrationSpec, secret string, o Order) (api.Registration, error) {
	id := spec.ID
	if id == "" {
		id = spec.Addresses[0]
	}
	return api.Registration{Pool: pool, ID: id, Changed: true, Secret: "s3cret"}, f.note(o, "Register", pool, spec, secret)
}

func (f *fake) Renew(pool, id, secret string, o Order) (api.Registration, error) {
	return api.Registration{Pool: pool, ID: id}, f.note(o, "Renew", pool, id, secret)
}

func (f *fake) Leave(pool, id, secret string, o Order) (api.Registration, error) {
	return api.Registration{Pool: pool, ID: id}, f.note(o, "Leave", pool, id, secret)
}

var fakeRollout = api.Rollout{ID: "7", Status: "running", Started: fakeUntil}

func (f *fake) Rollout(pool string) (api.Rollout, error) {
	return fakeRollout, f.note(Order{}, "Rollout", pool)
}

func (f *fake) StartRollout(pool string, spec api.RolloutSpec, o Order) (api.Rollout, error) {
	return fakeRollout, f.note(o, "StartRollout", pool, spec)
}

func (f *fake) SteerRollout(pool string, s Steering, o Order) (api.Rollout, error) {
	return fakeRollout, f.note(o, "SteerRollout", pool, s)
}

func (f *fake) ReportRollout(pool string, r api.RolloutReport, o Order) (api.Rollout, error) {
	return fakeRollout, f.note(o, "ReportRollout", pool, r)
}

// Events is a history of its own for each fake, of 100 events.
func (f *fake) Events() *event.Log {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.events == nil {
		f.events = event.NewLog(100, time.Now())
	}
	return f.events
}

// Pools returns the pools that the fake has, as a backend must.
func (f *fake) Pools(after string, limit int) (page []api.Pool, more bool) {
	if f.panics {
		panic("secret cause")
	}
	if f.entered != nil {
		f.entered <- struct{}{}
		<-f.proceed
	}
	pools := f.pools
	if pools == nil {
		pools = []string{"*.lb.example.", f.name}
	}
	for _, name := range slices.Sorted(slices.Values(pools)) {
		if name > after || after == "" {
			page = append(page, api.Pool{Name: name})
		}
	}
	return page[:min(limit, len(page))], len(page) > limit
}

// Probe returns one probe without steps.
func (f *fake) Probe(ctx context.Context, pool, id string) (api.Probes, error) {
	if err := ctx.Err(); err != nil {
		return api.Probes{}, err
	}
	return api.Probes{Pool: pool, Probes: []api.Probe{{Member: "a", Result: "fail"}}}, f.note(Order{}, "Probe", pool, id)
}
