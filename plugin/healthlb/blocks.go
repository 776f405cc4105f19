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
		var e block.Entry
		if err := json.Unmarshal(value, &e); err != nil {
			return fmt.Errorf("the block %q cannot be read: %w; restore a copy of the store, or move it away to start without blocks", key, err)
		}
		visit(e)
		return nil
	})
}

// applyChange takes a change of the store in, as the store's watch tells it.
func (h *hub) applyChange(c state.Change) {
	entries := make(map[string]block.Entry)
	for _, e := range h.blocks.Load().Entries() {
		entries[e.Key()] = e
	}
	for _, k := range c.Keys {
		if k.Bucket != blocksBucket {
			continue
		}
		delete(entries, k.Key)
		if k.Value == nil {
			continue
		}
		var e block.Entry
		if err := json.Unmarshal(k.Value, &e); err != nil {
			log.Errorf("The block %q in the state cannot be read, and is left out: %v", k.Key, err)
			continue
		}
		entries[k.Key] = e
	}
	list := make([]block.Entry, 0, len(entries))
	for _, e := range entries {
		list = append(list, e)
	}
	h.applyBlocks(block.NewSet(list))
}

// applyBlocks puts a block list into force: when it returns, no query is answered with what is blocked.
func (h *hub) applyBlocks(after *block.Set) {
	h.applying.Lock()
	defer h.applying.Unlock()
	before := h.blocks.Swap(after)
	h.enforce(before, after, h.atWork())
}

// enforce makes the answers of generations those under the block list after.
func (h *hub) enforce(before, after *block.Set, generations []*generation) {
	touched := omitting(block.Diff(before, after))
	for _, g := range generations {
		for _, p := range g.pools {
			if p.Touched(touched) {
				h.rebuild(p)
			}
		}
		for _, z := range g.zones {
			for _, glue := range z.glue {
				if glue.rebuild(after) {
					h.serials.changed(z, 1, time.Now())
				}
			}
		}
	}
	select {
	case h.expiries <- struct{}{}:
	default:
	}
}

// omitting returns a set of those entries that keep addresses out of answers.
func omitting(entries []block.Entry) *block.Set {
	return block.NewSet(slices.DeleteFunc(entries, func(e block.Entry) bool { return e.Mode != block.Omit }))
}

// maxNap bounds how long ends of blocks are not looked at, so that a clock that is set does not matter for long.
const maxNap = time.Minute

// expire ends blocks when their time has come, until stop is closed.
func (h *hub) expire(stop <-chan struct{}) {
	for {
		nap := maxNap
		if next, ok := h.blocks.Load().NextExpiry(); ok {
			nap = max(0, min(nap, time.Until(next)))
		}
		select {
		case <-stop:
			return
		case <-h.expiries:
		case <-time.After(nap):
			h.endBlocks(time.Now())
		}
	}
}

// endBlocks ends the blocks that have expired. Their time being over needs nobody's consent: when they cannot be deleted from the store,
// they end all the same, and are left out at the next start.
func (h *hub) endBlocks(now time.Time) {
	expired := h.blocks.Load().Expired(now)
	store := h.store.Load()
	if len(expired) == 0 || store == nil {
		return
	}
	err := deleteExpired(store, now)
	if err != nil {
		log.Errorf("%d blocks have expired and end, but stay in the state %s: %v", len(expired), store.dir, err)
		live := slices.DeleteFunc(h.blocks.Load().Entries(), func(e block.Entry) bool { return e.Expired(now) })
		h.applyBlocks(block.NewSet(live))
		return
	}
	for _, e := range expired {
		log.Infof("Block %s has expired", e)
	}
}
