package healthlb

import (
	"maps"
	"slices"
	"strings"
)

// poolSet is the pools of a generation at one moment. It is immutable.
type poolSet struct {
	sorted []*livePool // by name
	byName map[string]*livePool
}

func newPoolSet(pools []*livePool) *poolSet {
	s := &poolSet{sorted: slices.Clone(pools), byName: make(map[string]*livePool, len(pools))}
	slices.SortFunc(s.sorted, func(a, b *livePool) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range s.sorted {
		s.byName[p.Name] = p
	}
	return s
}

// with returns the set with a pool more, or in the place of the one of its name.
func (s *poolSet) with(p *livePool) *poolSet {
	now := s.without(p.Name)
	i, _ := now.find(p.Name)
	now.sorted = slices.Insert(now.sorted, i, p)
	now.byName[p.Name] = p
	return now
}

// without returns the set without the pool of a name.
func (s *poolSet) without(name string) *poolSet {
	now := &poolSet{slices.Clone(s.sorted), maps.Clone(s.byName)}
	if i, found := now.find(name); found {
		now.sorted = slices.Delete(now.sorted, i, i+1)
		delete(now.byName, name)
	}
	return now
}

// find returns where the pool of a name is, or would be.
func (s *poolSet) find(name string) (i int, found bool) {
	return slices.BinarySearchFunc(s.sorted, name, func(p *livePool, name string) int { return strings.Compare(p.Name, name) })
}

// after returns the pools behind a name.
func (s *poolSet) after(name string) []*livePool {
	i, found := s.find(name)
	if found {
		i++
	}
	return s.sorted[i:]
}
