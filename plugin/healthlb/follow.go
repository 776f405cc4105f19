package healthlb

import (
	"slices"
	"time"

	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/stamp"
)

// followEvery is how often the members files are looked at.
const followEvery = 500 * time.Millisecond

// followed is a pool with its members files as they were last seen.
type followed struct {
	pool    *livePool
	members []pool.Member // what was read last
	read    stamp.Files   // the files as they were then
	seen    stamp.Files   // the files as they were at the last look
}

// follow has the generation's members files followed until its stop is closed. The caller holds h.mu.
func (h *hub) follow(g *generation) {
	g.stop, g.stopped = make(chan struct{}), make(chan struct{})
	var pools []*followed
	for _, p := range g.pools {
		if len(p.config.MembersFiles) > 0 {
			// The files were read when the Corefile was, which is a while ago: they are read once more.
			pools = append(pools, &followed{pool: p, members: p.config.Members})
		}
	}
	if len(pools) == 0 {
		close(g.stopped)
		return
	}
	go func() {
		defer close(g.stopped)
		ticker := time.NewTicker(followEvery)
		defer ticker.Stop()
		for {
			select {
			case <-g.stop:
				return
			case <-ticker.C:
			}
			for _, f := range pools {
				h.look(g, f)
			}
		}
	}()
}

// look reads a pool's members files again when they have changed and then stayed as they are for one look: a file that is being written
// is not read half-way.
func (h *hub) look(g *generation, f *followed) {
	now := stamp.Of(f.pool.config.MembersFiles)
	settled := now.Equal(f.seen)
	f.seen = now
	if !settled || now.Equal(f.read) {
		return
	}
	f.read = now
	members, err := f.pool.config.ReloadMembers()
	if err != nil {
		membersFileErrors.WithLabelValues(f.pool.Name).Inc()
		log.Errorf("Pool %s keeps the members it has: %v", f.pool.Name, err)
		return
	}
	if slices.Equal(members, f.members) {
		return
	}
	f.members = members
	h.setMembers(g, f.pool, members, g.stop)
	log.Infof("Pool %s members now: %d", f.pool.Name, len(members))
}
