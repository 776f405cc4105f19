package healthlb

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/state"
)

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
			effect.Changed, effect.Addresses = false, addressEffects(omitted)
			return &admin.InterlockError{Effect: effect}
		}
		return writeBlocks(w, before, after)
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return admin.BlockEffect{}, err
	}
	effect.Addresses = addressEffects(omitted) // only now: up to the change there were answers that named them
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
		return append(entries, c.Entries...) // of two entries with one key, a set keeps the later
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
		return fmt.Sprintf("replaced, entries now: %d", len(c.Entries))
	case admin.BlockAdd:
		return fmt.Sprintf("entries added: %d, first %s", len(c.Entries), c.Entries[0])
	default:
		return "removed " + c.Remove.Address()
	}
}
