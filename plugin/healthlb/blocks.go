package healthlb

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/state"
)

// blocksBucket is where the block list is kept: an entry's JSON under its key.
const blocksBucket = "blocks"

// readBlocks returns the block list that a store holds, without what has expired.
func readBlocks(store state.Store) (*block.Set, error) {
	var entries []block.Entry
	now := time.Now()
	err := store.View(func(r state.Reader) error {
		return r.Each(blocksBucket, func(key string, value []byte) error {
			var e block.Entry
			if err := json.Unmarshal(value, &e); err != nil {
				return fmt.Errorf("the block %q cannot be read: %w; restore a copy of the store, or move it away to start without blocks", key, err)
			}
			entries = append(entries, e)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return block.NewSet(slices.DeleteFunc(entries, func(e block.Entry) bool { return e.Expired(now) })), nil
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
	err := store.Update(func(w state.Writer) error {
		for _, e := range h.blocks.Load().Expired(now) {
			if err := w.Delete(blocksBucket, e.Key()); err != nil {
				return err
			}
		}
		return nil
	})
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

// Blocklist implements admin.Backend.
func (h *hub) Blocklist() ([]block.Entry, string) {
	entries := h.blocks.Load().Entries()
	return entries, etag(entries)
}

// etag returns the entity tag of a list: equal lists have equal tags, on every node and after every restart.
func etag(entries []block.Entry) string {
	hash := sha256.New()
	encode := json.NewEncoder(hash)
	for _, e := range entries {
		_ = encode.Encode(e) // a hash takes everything, and an entry always has a JSON form
	}
	return `"` + hex.EncodeToString(hash.Sum(nil)[:12]) + `"`
}

// errDryRun ends a transaction that was to tell its effect only.
var errDryRun = errors.New("dry run")

// ChangeBlocklist implements admin.Backend.
func (h *hub) ChangeBlocklist(c admin.BlockChange) (admin.BlockEffect, error) {
	store := h.store.Load()
	if store == nil {
		return admin.BlockEffect{}, admin.ErrReadOnly
	}
	var effect admin.BlockEffect
	var omitted []omittedAddress
	err := store.Update(func(w state.Writer) error {
		before := h.blocks.Load()
		if c.IfMatch != nil && !slices.Contains(c.IfMatch, "*") && !slices.Contains(c.IfMatch, etag(before.Entries())) {
			return admin.ErrPrecondition
		}
		after := block.NewSet(changed(before.Entries(), c))
		effect, omitted = h.effect(before, after)
		effect.DryRun = c.DryRun
		effect.Warnings = h.unknownPools(c.Entries)
		switch {
		case c.DryRun:
			return errDryRun
		case refused(effect) && !c.Force:
			return &admin.InterlockError{Effect: effect}
		}
		return writeBlocks(w, before, after)
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return admin.BlockEffect{}, err
	}
	for _, o := range omitted {
		effect.Addresses = append(effect.Addresses, admin.AddressEffect{Pool: o.pool, Address: o.Addr.String(), SafeAfter: o.SafeAfter()})
	}
	if !c.DryRun && effect.Changed {
		log.Infof("Block list changed by %s: %s", c.By, summary(c))
	}
	return effect, nil
}

// changed returns what a list becomes by a change.
func changed(entries []block.Entry, c admin.BlockChange) []block.Entry {
	switch c.Op {
	case admin.BlockReplace:
		return c.Entries
	case admin.BlockAdd:
		added := make(map[string]bool, len(c.Entries))
		for _, e := range c.Entries {
			added[e.Key()] = true
		}
		return append(slices.DeleteFunc(entries, func(e block.Entry) bool { return added[e.Key()] }), c.Entries...)
	default:
		return slices.DeleteFunc(entries, func(e block.Entry) bool {
			return e.Prefix == c.Remove.Prefix && e.Pool == c.Remove.Pool
		})
	}
}

// writeBlocks writes what differs.
func writeBlocks(w state.Writer, before, after *block.Set) error {
	keys := make(map[string]*block.Entry, after.Len()) // what each key is to hold; nil: nothing
	for _, e := range after.Entries() {
		keys[e.Key()] = &e
	}
	for _, e := range block.Diff(before, after) {
		key := e.Key()
		if keys[key] == nil {
			if err := w.Delete(blocksBucket, key); err != nil {
				return err
			}
			continue
		}
		value, err := json.Marshal(keys[key])
		if err != nil {
			return err
		}
		if err := w.Put(blocksBucket, key, value); err != nil {
			return err
		}
	}
	return nil
}

// unknownPools warns of entries for pools that are not there: allowed, as one list may serve several responders, but perhaps a slip.
func (h *hub) unknownPools(entries []block.Entry) (warnings []string) {
	for _, e := range entries {
		if e.Pool != "" && h.pool(e.Pool) == nil {
			warnings = append(warnings, fmt.Sprintf("%s: there is no pool %s here", e.Address(), e.Pool))
		}
	}
	return warnings
}

func summary(c admin.BlockChange) string {
	switch c.Op {
	case admin.BlockReplace:
		return fmt.Sprintf("replaced by %d entries", len(c.Entries))
	case admin.BlockAdd:
		return fmt.Sprintf("%d entries added, first %s", len(c.Entries), c.Entries[0])
	default:
		return "removed " + c.Remove.Address()
	}
}
