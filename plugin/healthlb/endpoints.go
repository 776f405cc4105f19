package healthlb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/config"
)

// endpoint is a generation's admin endpoint: where it listens, and what its files said when the Corefile was read.
type endpoint struct {
	key string // network and address
	*admin.Endpoint
}

// newEndpoint reads what the endpoint's settings name.
func newEndpoint(a *config.Admin) (*endpoint, error) {
	loaded, err := admin.Load(admin.Settings{
		Network: a.Network, Address: a.Address,
		TokenFile: a.TokenFile, CertFile: a.CertFile, KeyFile: a.KeyFile, ClientCA: a.ClientCA, Hosts: a.Hosts,
		Warn: log.Warningf, Observe: observeRequest,
	})
	if err != nil {
		return nil, err
	}
	return &endpoint{a.Network + " " + a.Address, loaded}, nil
}

// listen opens the generation's endpoint, unless one is open there already. The caller holds h.mu.
func (h *hub) listen(g *generation) (err error) {
	if g.process.Admin == nil {
		return nil
	}
	if g.endpoint, err = newEndpoint(g.process.Admin); err != nil {
		return fmt.Errorf("%s: %w", g.process.AdminAt, err)
	}
	if h.servers[g.endpoint.key] != nil {
		return nil // it takes the new settings when the generation counts
	}
	server, err := admin.Listen(g.endpoint.Endpoint, h)
	if err != nil {
		return fmt.Errorf("%s: %w%s", g.process.AdminAt, err, h.inTheWay(g.process.Admin, err))
	}
	h.servers[g.endpoint.key] = server
	return nil
}

// inTheWay says so when it is the endpoint of the Corefile before that has the port. The caller holds h.mu.
func (h *hub) inTheWay(a *config.Admin, err error) string {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return ""
	}
	_, port, _ := net.SplitHostPort(a.Address)
	for _, server := range h.servers {
		if _, taken, err := net.SplitHostPort(server.Addr().String()); err == nil && taken == port {
			return "; this CoreDNS has it itself, at " + server.Addr().String() + ": by a reload, only the whole address can stay, or the port change"
		}
	}
	return ""
}

// configure gives the endpoint of the generation that counts its settings. It returns what closes those that nobody wants any more. The
// caller holds h.mu.
func (h *hub) configure(g *generation) (closers []func()) {
	if g.endpoint != nil {
		h.servers[g.endpoint.key].Configure(g.endpoint.Endpoint, h)
	}
	for key, server := range h.servers {
		wanted := func(g *generation) bool { return g.endpoint != nil && g.endpoint.key == key }
		if !slices.ContainsFunc(h.generations, wanted) {
			closers = append(closers, h.unlisten(key, server))
		}
	}
	return closers
}

// closeWait bounds the wait for the requests under way when an endpoint closes.
const closeWait = 5 * time.Second

// unlisten forgets an endpoint, and returns what closes it. The caller holds h.mu.
func (h *hub) unlisten(key string, server *admin.Server) func() {
	delete(h.servers, key)
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeWait)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			log.Warning(fmt.Errorf("closing %s: %w", key, err))
		}
	}
}
