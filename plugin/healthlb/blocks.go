package healthlb

import (
	"slices"
	"time"

	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/state"
)

// blocksOf returns the blocks that are in force for a generation: none, if it says no state directory. During a reload there may be one
// generation that does and one that does not.
func (h *hub) blocksOf(g *generation) *block.Set {
	if !g.keeps() {
		return nil
	}
	return h.blocks.Load()
}

// applyChange takes a change of the store in, as the store's watch tells it.
func (h *hub) applyChange(c state.Change) {
	gone, added := make(map[string]bool), []block.Entry{}
	for _, k := range c.Keys {
		switch e, err := decodeBlock(k); {
		case k.Bucket != blocksBucket:
		case err != nil:
			log.Errorf("A block that was stored is left out: %v", err)
		case k.Value == nil:
			gone[k.Key] = true
		default:
			added = append(added, e)
		}
	}
	h.applyKept(c)
	if len(gone) == 0 && len(added) == 0 {
		return
	}
	h.changeBlocks(func(entries []block.Entry) []block.Entry {
		if len(gone) > 0 {
			entries = slices.DeleteFunc(entries, func(e block.Entry) bool { return gone[e.Key()] })
		}
		return append(entries, added...) // of two entries with one key, a set keeps the later
	})
}

// changeBlocks puts what change makes of the block list into force: when it returns, no query is answered with what is blocked.
func (h *hub) changeBlocks(change func([]block.Entry) []block.Entry) {
	h.applying.Lock()
	defer h.applying.Unlock()
	before := h.blocks.Load()
	after := block.NewSet(change(before.Entries()))
	h.blocks.Store(after)
	touched := omitting(block.Diff(before, after))
	for _, g := range h.atWork() {
		for _, p := range g.set.Load().sorted {
			if p.Touched(touched) {
				h.rebuild(p)
			}
		}
		h.rebuildGlue(g)
	}
	wake(h.expiries)
}

// wake has a goroutine look again; one pending word is enough.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// rebuildGlue makes the addresses of a generation's name servers anew.
func (h *hub) rebuildGlue(g *generation) {
	for _, z := range g.zones {
		for _, glue := range z.glue {
			h.serials.changed(z, glue.rebuild(h.blocksOf(g)), time.Now())
		}
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
	if len(expired) == 0 {
		return
	}
	if store := h.store.Load(); store != nil {
		if err := deleteExpired(store, now); err != nil {
			log.Errorf("Blocks that have expired end, but stay in the state %s: %v", store.dir, err)
		}
	}
	for _, e := range expired[:min(len(expired), manyBlocks)] {
		h.tell(blockEvent("unblock", "Expired", e, ""))
	}
	if len(h.blocks.Load().Expired(now)) > 0 { // there is no store, or it failed
		h.changeBlocks(func(entries []block.Entry) []block.Entry {
			return slices.DeleteFunc(entries, func(e block.Entry) bool { return e.Expired(now) })
		})
	}
}
