package healthlb

import (
	"context"
	"fmt"

	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/webhook"
)

// hook is where a generation wants events to be posted to.
type hook struct {
	config config.OnChange
	*webhook.Hook
}

// newHook reads what the on_change line names; nil when there is none.
func newHook(p config.Process) (*hook, error) {
	if p.OnChange == nil {
		return nil, nil
	}
	loaded, err := webhook.Load(webhook.Settings{
		URL: p.OnChange.URL, SecretFile: p.OnChange.SecretFile, CAFile: p.OnChange.CAFile, Warn: log.Warningf, Observe: observeHook,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.OnChangeAt, err)
	}
	return &hook{*p.OnChange, loaded}, nil
}

// posting is a hook at work.
type posting struct {
	hook *hook
	end  context.CancelFunc
	last chan uint64 // the last event that was posted, when it has ended
}

// post has events posted to where the generation that counts wants them, and nowhere else. A hook that takes another one's place begins
// behind the last event that was delivered. What it returns is to be run without h.mu, which the caller holds.
func (h *hub) post(g *generation) (closers []func()) {
	old := h.posting
	var wanted *hook
	if g != nil {
		wanted = g.hook
	}
	switch {
	case old == nil && wanted == nil:
		return nil
	case old != nil && wanted != nil && old.hook.config == wanted.config:
		return nil
	}
	h.posting = nil
	if old != nil {
		old.end()
	}
	if wanted == nil {
		return []func(){func() { <-old.last }}
	}
	ctx, cancel := context.WithCancel(context.Background())
	now := &posting{hook: wanted, end: cancel, last: make(chan uint64, 1)}
	h.posting = now
	h.goroutines.Go(func() {
		after := h.events.Newest()
		if old != nil {
			after = <-old.last
		}
		now.last <- wanted.Run(ctx, h.events, after)
	})
	return nil
}
