package healthlb

import (
	"slices"
	"time"

	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/stamp"
)

// followEvery is how often the files that a Corefile names are looked at.
const followEvery = 500 * time.Millisecond

// followed are files as they were last seen, whose content is taken over when they change.
type followed struct {
	files    []string
	takeOver func() error    // reads them, and puts what they say into force
	refuse   func(err error) // what they say stays as it was
	read     stamp.Files     // the files as they were when they were read last
	seen     stamp.Files     // the files as they were at the last look
	unquiet  int             // looks in a row that found them changed
	told     string          // the error that was told last; empty when there is none
	rest     int             // looks until what could not be read is tried again
}

// patience is how many looks a file may be found changing at before it is read all the same.
const patience = 4

// retry is how many looks pass, 5s in all, before a file that could not be read is tried again though it has not changed: the reason may
// have passed.
const retry = 10

// follow has the generation's files followed until its stop is closed. They were read when the Corefile was, which is a while ago, so
// they are read once more. The caller holds h.mu.
func (h *hub) follow(g *generation) {
	g.stop, g.stopped = make(chan struct{}), make(chan struct{})
	var all []*followed
	for _, p := range g.set.Load().sorted {
		if len(p.config.MembersFiles) > 0 {
			all = append(all, h.membersFiles(g, p))
		}
	}
	for i, b := range g.blocks {
		if len(b.PlacesFiles) > 0 {
			all = append(all, h.placesOf(g, b, g.sites[i]))
		}
	}
	if len(all) == 0 {
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
			for _, f := range all {
				f.look()
			}
		}
	}()
}

// look reads the files again when they have changed. One that is being written is not read half-way: it has to stay as it is for one
// look, unless it was put in its place whole, by a rename or a symlink, or never comes to rest.
func (f *followed) look() {
	now := stamp.Of(f.files)
	if now.Equal(f.read) {
		f.seen, f.unquiet = now, 0
		return
	}
	switch {
	case !now.Equal(f.seen):
		f.rest = 0
	case f.rest > 0:
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
	if err := f.takeOver(); err != nil {
		f.rest = retry
		if err.Error() != f.told {
			f.told = err.Error()
			f.refuse(err)
		}
		return
	}
	f.read, f.told = now, ""
}

// membersFiles follows the members files of a pool.
func (h *hub) membersFiles(g *generation, p *livePool) *followed {
	members := p.config.Members
	return &followed{
		files: p.config.MembersFiles,
		takeOver: func() error {
			now, err := p.config.ReloadMembers()
			if err != nil || slices.Equal(now, members) {
				return err
			}
			members = now
			h.setMembers(g, p, members, g.stop)
			log.Infof("Pool %s members now: %d", p.Name, len(members))
			return nil
		},
		refuse: func(err error) {
			p.Stats().FileErrors.Add(1)
			log.Errorf("Pool %s keeps the members it has: %v", p.Name, err)
		},
	}
}

// placesOf follows the places files of a block.
func (h *hub) placesOf(g *generation, b *config.Block, s *site) *followed {
	first := true
	return &followed{
		files: b.PlacesFiles,
		takeOver: func() error {
			places, err := b.ReloadPlaces()
			if err != nil {
				return err
			}
			s.places.Store(places)
			for _, p := range g.set.Load().sorted {
				if p.site == s && p.Prefer.Region {
					h.rebuild(p)
				}
			}
			if !first {
				log.Infof("%s: places files read again", b.Where)
			}
			first = false
			return nil
		},
		refuse: func(err error) {
			placesErrorsTotal.Inc()
			log.Errorf("%s: the places that are known stay: %v", b.Where, err)
		},
	}
}
