package policy

import "sync/atomic"

// ledger has the leases of some members, for Loads. It is what is written for each answer, so it is laid out by what one answer reads and
// writes.
//
// Those of a few members have lines of memory (64 bytes on amd64 and most of arm64) of their own, which no query for another member
// waits for. Those of many would be lines that no cache near a processor has room for; so theirs lie side by side, the sums and then
// slot after slot: in any one second, next to all answers write the same sums and the same slot.
type ledger struct {
	slot    atomic.Int64 // the last slot of time whose leases have been taken off
	width   int64        // of a slot, in seconds; slot s ends at s x width seconds since 1970
	count   int          // how many members there are
	member  int          // how far apart in cells the sums of two members are
	time    int          // how far apart in cells two slots of a member are; the first is as far behind its sum
	cells   []atomic.Int64
	reports []atomic.Pointer[report]
}

const (
	ownCells = 72   // per member with lines of its own: a sum and the slots, in whole lines
	many     = 1000 // how many members are better side by side
	page     = 256  // how many members a ledger has at most: what has run out is taken off those of a ledger together
)

// newLedger returns a ledger of so many members, of the many side by side or those that have lines of their own.
func newLedger(count int, sideBySide bool, width int64) *ledger {
	b := &ledger{width: width, count: count, reports: make([]atomic.Pointer[report], count)}
	if sideBySide {
		b.member, b.time = 1, count
		b.cells = make([]atomic.Int64, count*(1+slots))
	} else {
		b.member, b.time = ownCells, 1
		b.cells = make([]atomic.Int64, count*ownCells)
	}
	return b
}

// slotOf returns the slot of time that has last ended.
func (b *ledger) slotOf(now int64) int64 {
	if b.width == 1 {
		return now
	}
	return now / b.width
}

// bucket returns the leases that run out at the end of a slot, of the member whose sum is in a cell.
func (b *ledger) bucket(sum int, slot int64) *atomic.Int64 {
	return &b.cells[sum+int(1+slot&(slots-1))*b.time]
}

// advance takes off the leases of all slots up to one. When the clock has been set back, it goes back as well: leases taken before that
// then run out at other times than they should, but when each slot has come by once at the latest.
func (b *ledger) advance(slot int64) {
	if old := b.slot.Load(); slot > old || slot < old-stale {
		b.takeOff(slot)
	}
}

func (b *ledger) takeOff(slot int64) {
	for old := b.slot.Load(); slot > old || slot < old-stale; old = b.slot.Load() {
		if !b.slot.CompareAndSwap(old, slot) {
			continue
		}
		for s := max(old, slot-slots) + 1; s <= slot; s++ {
			for sum := 0; sum < b.count*b.member; sum += b.member {
				if bucket := b.bucket(sum, s); bucket.Load() != 0 {
					b.cells[sum].Add(-bucket.Swap(0))
				}
			}
		}
		return
	}
}
