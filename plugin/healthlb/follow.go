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
	unquiet int           // looks in a row that found them changed
	told    string        // the error that was told last; empty when there is none
	rest    int           // looks until what could not be read is tried again
}

// patience is how many looks a file may be found changing at before it is read all the same.
const patience = 4

// retry is how many looks pass, 5s in all, before a file that could not be read is tried again though it has not changed: the reason may
// have passed.
const retry = 10

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

// look reads a pool's members files again when they have changed. One that is being written is not read half-way: it has to stay as it is
// for one look, unless it was put in its place whole, by a rename or a symlink, or never comes to rest.
func (h *hub) look(g *generation, f *followed) {
	now := stamp.Of(f.pool.config.MembersFiles)
	if now.Equal(f.read) {
		f.seen, f.unquiet = now, 0
		return
	}
	if f.rest > 0 && now.Equal(f.seen) {
		f.rest--
		return
	}
	f.unquiet++
	settled := now.Equal(f.seen) || now.Replaced(f.seen) || f.unquiet >= patience
	f.seen = now
	if !settled {
		return
	}
	f.unquiet = 0
	members, err := f.pool.config.ReloadMembers()
	if err != nil {
		f.rest = retry
		if err.Error() != f.told {
			f.told = err.Error()
			f.pool.Stats().FileErrors.Add(1)
			log.Errorf("Pool %s keeps the members it has: %v", f.pool.Name, err)
		}
		return
	}
	f.read, f.told = now, ""
	if slices.Equal(members, f.members) {
		return
	}
	f.members = members
	h.setMembers(g, f.pool, members, g.stop)
	log.Infof("Pool %s members now: %d", f.pool.Name, len(members))
}
