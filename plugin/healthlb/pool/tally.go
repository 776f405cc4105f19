package pool

import (
	"math/rand/v2"
	"sync/atomic"

	"example.org/healthlb/plugin/healthlb/answer"
)

// Tally is what one of several loops that answer keeps to itself of what queries write, until Flush: while all are busy with the same
// pools, none waits for memory that another one has written. Turns go on from where they were, each loop's by itself. Answer leases stay
// shared, as policies compare them. A Tally is not for concurrent use; nil is one that keeps nothing.
type Tally struct {
	seats [seats]kept
	taken []*kept // of the seats
}

const (
	// seats is how many choices are kept at once: what writes for more is so spread that loops hardly meet.
	seats = 64
	// mostKept is how many addresses a choice has at most whose answers are kept.
	mostKept = 256
)

// kept is what was written for one choice.
type kept struct {
	answers *answers
	choice  *choice // nil: no one is named
	stats   *Stats  // nil: nothing is kept yet

	count uint64
	turn  atomic.Uint64
	began uint64   // what turn was
	named []uint32 // answers by position
}

// of returns where to write for a choice, nil for where all do: at a choice's first query since it was another one's turn in its seat,
// as most choices have no second one soon.
func (t *Tally) of(s *Stats, a *answers, c *choice) *kept {
	if t == nil {
		return nil
	}
	seat := a.seat
	if c != nil {
		seat = c.seat
	}
	k := &t.seats[seat]
	if k.answers != a || k.choice != c {
		if k.answers == nil {
			t.taken = append(t.taken, k)
		}
		k.flush()
		k.answers, k.choice = a, c
		return nil
	}
	if k.stats == nil {
		k.begin(s)
	}
	return k
}

// begin begins to keep what is written.
func (k *kept) begin(s *Stats) {
	k.stats = s
	if k.choice == nil {
		return
	}
	k.began = k.choice.turn.Load()
	k.turn.Store(k.began)
	if n := len(k.choice.named); n <= cap(k.named) {
		k.named = k.named[:n]
		clear(k.named)
	} else if n <= mostKept {
		k.named = make([]uint32, n)
	}
}

// anySeat returns where a choice sits, whatever others there are.
func anySeat() uint8 { return uint8(rand.IntN(seats)) }

// keepsNamed says whether the answers of those who are named are kept, too.
func (k *kept) keepsNamed() bool { return k != nil && len(k.named) > 0 }

// flush writes it where all do, and makes the seat free.
func (k *kept) flush() {
	if k.stats != nil {
		k.stats.Answers.Add(k.count)
		if k.answers.notes&answer.AllDown != 0 {
			k.stats.AllDownAnswers.Add(k.count)
		}
		if c := k.choice; c != nil {
			if !c.turn.CompareAndSwap(k.began, k.turn.Load()) {
				// Others have taken turns, perhaps the same ones. Anywhere on from there: by the sum, loops in step would leave the same out each time.
				c.turn.Add(rand.Uint64N(1 << 32))
			}
			for at, n := range k.named {
				if n > 0 {
					c.named[at].answers.Add(uint64(n))
				}
			}
		}
	}
	k.answers, k.choice, k.stats, k.count, k.named = nil, nil, nil, 0, k.named[:0]
}

// Flush writes what was kept where all do.
func (t *Tally) Flush() {
	if t == nil {
		return
	}
	for _, k := range t.taken {
		k.flush()
	}
	t.taken = t.taken[:0]
}
