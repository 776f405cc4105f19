package healthlb

import (
	"errors"
	"os"
	"slices"
	"time"

	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/pool"
)

// followEvery is how often the members files are looked at. Looking beats being told: it works for files that are renamed into place,
// for symlinks that are swapped, and on every file system.
const followEvery = 500 * time.Millisecond

// followed is a pool with its members files as they were last seen.
type followed struct {
	pool    *livePool
	members []pool.Member // what was read last
	read    []os.FileInfo // the files as they were then
	seen    []os.FileInfo // the files as they were at the last look
}

// follow has the generation's members files followed until its stop is closed. The caller holds h.mu.
func (h *hub) follow(g *generation) {
	g.stop, g.stopped = make(chan struct{}), make(chan struct{})
	var pools []*followed
	for _, p := range g.pools {
		if len(p.config.MembersFiles) > 0 {
			// The files were read when the Corefile was, which is a while ago: they are read once more.
			pools = append(pools, &followed{pool: p, members: p.config.Members, read: make([]os.FileInfo, len(p.config.MembersFiles))})
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
	now := stat(f.pool.config)
	settled := f.seen != nil && same(now, f.seen)
	f.seen = now
	if !settled || same(now, f.read) {
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
	h.setMembers(g, f.pool, members)
	log.Infof("Pool %s has %d members now", f.pool.Name, len(members))
}

// stat looks at a pool's members files, through symlinks. One that is not there is nil.
func stat(p *config.Pool) []os.FileInfo {
	infos := make([]os.FileInfo, len(p.MembersFiles))
	for i, file := range p.MembersFiles {
		info, err := os.Stat(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			log.Debugf("Members file %s: %v", file, err)
		}
		if err == nil {
			infos[i] = info
		}
	}
	return infos
}

func same(a, b []os.FileInfo) bool {
	for i := range a {
		switch {
		case a[i] == nil || b[i] == nil:
			if a[i] != b[i] {
				return false
			}
		case !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()):
			return false
		}
	}
	return true
}
