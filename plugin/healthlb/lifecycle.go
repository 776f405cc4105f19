package healthlb

import (
	"bytes"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"example.org/healthlb/plugin/healthlb/config"
)

// generationKey is where a caddy instance keeps its generation.
type generationKey struct{}

// generationOf returns the generation that a Corefile's blocks belong to. The first block makes it, and tells caddy what to call.
func generationOf(c *caddy.Controller) *generation {
	if g, ok := c.Get(generationKey{}).(*generation); ok {
		return g
	}
	g := newGeneration()
	c.Set(generationKey{}, g)
	c.OnStartup(func() error {
		theHub.sweep()
		if err := g.checkNeighbours(); err != nil {
			return plugin.Error("healthlb", err)
		}
		for _, s := range g.sites {
			s.mayPack = mayPack(s.server.Handlers())
		}
		if err := theHub.acquire(g); err != nil {
			return plugin.Error("healthlb", err)
		}
		return nil
	})
	c.OnRestartFailed(func() error { theHub.sweep(); return nil })
	c.OnShutdown(func() error { theHub.sweep(); return nil })
	c.OnFinalShutdown(func() error { theHub.release(g); return nil })
	return g
}

// checkNeighbours looks at the plugins beside the generation's blocks, in the Corefile that they are in, if any block needs some. To parse
// a large Corefile once more takes seconds.
func (g *generation) checkNeighbours() error {
	if !slices.ContainsFunc(g.blocks, (*config.Block).NeedsNeighbours) {
		return nil
	}
	for _, inst := range caddy.Instances() {
		inst.StorageMu.RLock()
		own := inst.Storage[generationKey{}] == g
		inst.StorageMu.RUnlock()
		if !own {
			continue
		}
		in := inst.Caddyfile()
		order := caddy.ValidDirectives(in.ServerType())
		corefile, err := caddyfile.Parse(in.Path(), bytes.NewReader(in.Body()), order)
		if err != nil {
			return err
		}
		return config.CheckNeighbours(g.blocks, corefile, order, dnsserver.Port)
	}
	return nil
}

// sweep releases the generations whose caddy instance is no more: the former one after a reload that succeeded, the new one after a
// reload that failed. At the end of the process all are still there, and probing goes on while the health plugin waits.
//
// caddy calls none of the callbacks of an instance that fails to start, so this is asked of caddy itself, and not remembered.
func (h *hub) sweep() {
	live := make(map[any]bool)
	for _, inst := range caddy.Instances() {
		inst.StorageMu.RLock()
		live[inst.Storage[generationKey{}]] = true
		inst.StorageMu.RUnlock()
	}
	var dead []*generation
	for _, g := range h.atWork() {
		if !live[g] {
			dead = append(dead, g)
		}
	}
	h.release(dead...)
}
