package healthlb

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.org/healthlb/plugin/healthlb/block"
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
	h.blocks.Store(blocks)
	if err := h.readKept(store, time.Now()); err != nil {
		return errors.Join(fmt.Errorf("%s: state %s: %w", g.process.StateAt, dir, err), store.Close())
	}
	store.Watch(h.applyChange)
	h.store.Store(&openStore{store, dir})
	return nil
}

// closeStore returns what closes the store, if no generation has it any more. The caller holds h.mu.
//
// The blocks stay in memory: at the end of the process queries are still answered when all else has ended.
func (h *hub) closeStore() func() {
	open := h.store.Load()
	if open == nil || slices.ContainsFunc(h.generations, func(g *generation) bool { return g.process.State == open.dir }) {
		return func() {}
	}
	return func() {
		h.store.Store(nil)
		if err := open.Close(); err != nil {
			log.Errorf("Closing the state in %s: %v", open.dir, err)
		}
	}
}

// blocksBucket is where the block list is kept: an entry's JSON under its key.
const blocksBucket = "blocks"

// readBlocks returns the block list that a store holds, without what has expired.
func readBlocks(store state.Store, now time.Time) (*block.Set, error) {
	var entries []block.Entry
	err := store.View(func(r state.Reader) error {
		return eachBlock(r, func(e block.Entry) {
			if !e.Expired(now) {
				entries = append(entries, e)
			}
		})
	})
	return block.NewSet(entries), err
}

// deleteExpired takes what has expired out of a store.
func deleteExpired(store state.Store, now time.Time) error {
	return store.Update(func(w state.Writer) error {
		var expired []string
		err := eachBlock(w, func(e block.Entry) {
			if e.Expired(now) {
				expired = append(expired, e.Key())
			}
		})
		for _, key := range expired {
			err = errors.Join(err, w.Delete(blocksBucket, key))
		}
		return err
	})
}

func eachBlock(r state.Reader, visit func(block.Entry)) error {
	return r.Each(blocksBucket, func(key string, value []byte) error {
		e, err := decodeBlock(state.KeyChange{Bucket: blocksBucket, Key: key, Value: value})
		if err != nil {
			return fmt.Errorf("%w; restore a copy of the store, or move it away to start without blocks", err)
		}
		visit(e)
		return nil
	})
}

// decodeBlock returns the entry that a key of the store holds. For what is deleted it returns none.
func decodeBlock(k state.KeyChange) (e block.Entry, err error) {
	if k.Value == nil || k.Bucket != blocksBucket {
		return e, nil
	}
	if err = json.Unmarshal(k.Value, &e); err != nil {
		err = fmt.Errorf("the block %q cannot be read: %w", k.Key, err)
	}
	return e, err
}
