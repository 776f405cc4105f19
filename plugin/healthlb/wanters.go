package healthlb

import (
	"iter"

	"example.org/healthlb/plugin/healthlb/pool"
)

// wanters are the slots that want a target's results, with their pools. Nearly always it is one; many pools may share a target, though.
type wanters struct {
	slot   *pool.Slot // nil: none
	pool   *livePool
	others map[*pool.Slot]*livePool // nil: none
}

func (w *wanters) add(s *pool.Slot, p *livePool) {
	switch {
	case w.slot == nil:
		w.slot, w.pool = s, p
	case w.others == nil:
		w.others = map[*pool.Slot]*livePool{s: p}
	default:
		w.others[s] = p
	}
}

// remove takes a slot out, and says whether none is left.
func (w *wanters) remove(s *pool.Slot) (none bool) {
	if w.slot != s {
		delete(w.others, s)
	} else {
		w.slot, w.pool = nil, nil
		for other, p := range w.others {
			w.slot, w.pool = other, p
			delete(w.others, other)
			break
		}
	}
	if len(w.others) == 0 {
		w.others = nil
	}
	return w.slot == nil
}

func (w *wanters) all() iter.Seq2[*pool.Slot, *livePool] {
	return func(yield func(*pool.Slot, *livePool) bool) {
		if w.slot == nil || !yield(w.slot, w.pool) {
			return
		}
		for s, p := range w.others {
			if !yield(s, p) {
				return
			}
		}
	}
}
