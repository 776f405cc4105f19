package healthlb

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"example.org/healthlb/plugin/healthlb/state"
)

// openStore is the state store, and where it is.
type openStore struct {
	state.Store
	dir string
}

// lockWait bounds the wait for a store that another process has open: long enough for a process that is just ending.
const lockWait = 3 * time.Second

// openStore opens the state store of a generation, unless it is open, and loads the blocks from it. The caller holds h.mu.
func (h *hub) openStore(g *generation) error {
	dir, open := g.process.State, h.store.Load()
	switch {
	case open == nil && dir == "":
		return nil
	case open != nil && open.dir == dir:
		return nil
	case open != nil && dir == "":
		return fmt.Errorf("%s: state %s cannot be taken away by a reload; say it again, or restart", g.blocks[0].Where, open.dir)
	case open != nil:
		return fmt.Errorf("%s: state %s cannot be changed by a reload; say %s as before, or restart", g.process.StateAt, dir, open.dir)
	}
	store, err := state.OpenBolt(dir, lockWait)
	if err != nil {
		return fmt.Errorf("%s: state %s: %w", g.process.StateAt, dir, err)
	}
	blocks, err := readBlocks(store, time.Now())
	if err != nil {
		return errors.Join(fmt.Errorf("%s: state %s: %w", g.process.StateAt, dir, err), store.Close())
	}
	if err := deleteExpired(store, time.Now()); err != nil {
		log.Warningf("State %s: expired blocks are not in force, but could not be deleted: %v", dir, err)
	}
	h.enforce(h.blocks.Swap(blocks), blocks, h.generations[:len(h.generations)-1]) // all but this one, which is not built yet
	store.Watch(h.applyChange)
	h.store.Store(&openStore{store, dir})
	return nil
}

// closeStore forgets the store when no generation has it any more, and the blocks with it. It returns what closes it. The caller holds
// h.mu.
func (h *hub) closeStore() func() {
	open := h.store.Load()
	if open == nil || slices.ContainsFunc(h.generations, func(g *generation) bool { return g.process.State == open.dir }) {
		return func() {}
	}
	h.store.Store(nil)
	h.enforce(h.blocks.Swap(nil), nil, h.generations)
	return func() {
		if err := open.Close(); err != nil {
			log.Errorf("Closing the state in %s: %v", open.dir, err)
		}
	}
}
