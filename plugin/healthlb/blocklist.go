package healthlb

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/state"
)

// Blocklist implements admin.Backend.
func (h *hub) Blocklist() ([]block.Entry, string) {
	blocks := h.blocksOf(h.current.Load())
	return blocks.Entries(), etag(blocks)
}

// etag returns the entity tag of a list.
func etag(blocks *block.Set) string { return `"` + blocks.Digest() + `"` }

// maxBlocks bounds the list: it is for the addresses of members. With 80,000 entries a process had 95 MB and took 0.3 s for a change.
const maxBlocks = 100_000

// errDryRun ends a transaction that was to tell its effect only.
var errDryRun = errors.New("dry run")

// ChangeBlocklist implements admin.Backend.
func (h *hub) ChangeBlocklist(c admin.BlockChange) (api.Effect, error) {
	store := h.store.Load()
	if g := h.current.Load(); store == nil || g == nil || g.process.State == "" {
		return api.Effect{}, admin.ErrReadOnly
	}
	var effect api.Effect
	var omitted []omittedAddress
	err := store.Update(func(w state.Writer) error {
		before := h.blocks.Load()
		if c.IfMatch != nil && !slices.Contains(c.IfMatch, "*") && !slices.Contains(c.IfMatch, etag(before)) {
			return admin.ErrPrecondition
		}
		after := block.NewSet(changed(before.Entries(), c))
		if after.Len() > maxBlocks && after.Len() > before.Len() {
			return tooMany(after.Len())
		}
		effect, omitted = h.effect(before, after)
		effect.DryRun = c.DryRun
		effect.Warnings = h.unknownPools(c.Entries)
		switch {
		case c.DryRun:
			return errDryRun
		case refused(effect) && !c.Force:
			effect.Changed, effect.Addresses = false, addressEffects(omitted)
			return &admin.InterlockError{Effect: effect}
		}
		return writeBlocks(w, before, after)
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return api.Effect{}, err
	}
	effect.Addresses = addressEffects(omitted) // only now: up to the change there were answers that named them
	if !c.DryRun && effect.Changed {
		log.Infof("Block list changed by %s: %s", c.By, summary(c))
	}
	return effect, nil
}

// tooMany refuses a list that would be too long.
func tooMany(n int) error {
	return admin.NewProblem(http.StatusConflict,
		"the block list would have %d entries, and may have %d; block networks instead of addresses", n, maxBlocks)
}

// changed returns what a list becomes by a change.
func changed(entries []block.Entry, c admin.BlockChange) []block.Entry {
	switch c.Op {
	case admin.BlockReplace:
		return c.Entries
	case admin.BlockAdd:
		return append(entries, c.Entries...) // of two entries with one key, a set keeps the later
	default:
		return slices.DeleteFunc(entries, func(e block.Entry) bool {
			return e.Prefix == c.Remove.Prefix && e.Pool == c.Remove.Pool
		})
	}
}

// writeBlocks writes what differs, in the order of the keys: 90,000 entries took the store 1.2 s that way, and 18 s in
// the order of the list.
func writeBlocks(w state.Writer, before, after *block.Set) error {
	values := make(map[string]*block.Entry) // what each key that differs is to hold; nil: nothing
	for _, e := range block.Diff(before, after) {
		values[e.Key()] = nil
	}
	for _, e := range after.Entries() {
		if key := e.Key(); hasKey(values, key) {
			values[key] = &e
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if values[key] == nil {
			if err := w.Delete(blocksBucket, key); err != nil {
				return err
			}
			continue
		}
		value, err := json.Marshal(values[key])
		if err != nil {
			return err
		}
		if err := w.Put(blocksBucket, key, value); err != nil {
			return err
		}
	}
	return nil
}

func hasKey(m map[string]*block.Entry, key string) bool {
	_, ok := m[key]
	return ok
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
		return fmt.Sprintf("replaced, entries now: %d", len(c.Entries))
	case admin.BlockAdd:
		return fmt.Sprintf("entries added: %d, first %s", len(c.Entries), c.Entries[0])
	default:
		return "removed " + c.Remove.Address()
	}
}
