package probe

import "time"

// dueHeap holds things in the order in which they fall due, and tells each where it is, so that it can be taken out. It is a heap of four
// branches with the due times beside the pointers: with 100,000 targets a look at each is what costs, and four neighbours share a line of
// the processor's cache.
type dueHeap[T placed] []dueItem[T]

// placed is what a heap holds.
type placed interface {
	place(index int) // in the heap; -1: not in it
}

type dueItem[T placed] struct {
	due  time.Duration
	item T
}

// never is a due time that does not come.
const never = time.Duration(1<<63 - 1)

// due is when the first of them does.
func (h dueHeap[T]) due() time.Duration {
	if len(h) == 0 {
		return never
	}
	return h[0].due
}

func (h *dueHeap[T]) push(due time.Duration, item T) {
	*h = append(*h, dueItem[T]{due, item})
	h.up(len(*h) - 1)
}

// pop removes and returns the one that is due first.
func (h *dueHeap[T]) pop() T {
	first := (*h)[0].item
	h.remove(0)
	return first
}

func (h *dueHeap[T]) remove(i int) {
	last := len(*h) - 1
	(*h)[i].item.place(-1)
	moved := (*h)[last]
	(*h)[last] = dueItem[T]{} // so that the array does not keep it alive
	*h = (*h)[:last]
	if i < last {
		(*h)[i] = moved
		h.fix(i)
	}
}

// move has the one at i fall due at another time.
func (h dueHeap[T]) move(i int, due time.Duration) {
	h[i].due = due
	h.fix(i)
}

// fix puts the one at i where it belongs.
func (h dueHeap[T]) fix(i int) {
	if i > 0 && h[i].due < h[(i-1)/4].due {
		h.up(i)
	} else {
		h.down(i)
	}
}

func (h dueHeap[T]) up(i int) {
	moved := h[i]
	for i > 0 {
		parent := (i - 1) / 4
		if h[parent].due <= moved.due {
			break
		}
		h.put(i, h[parent])
		i = parent
	}
	h.put(i, moved)
}

func (h dueHeap[T]) down(i int) {
	moved := h[i]
	for {
		least, due := -1, moved.due
		for child := 4*i + 1; child <= 4*i+4 && child < len(h); child++ {
			if h[child].due < due {
				least, due = child, h[child].due
			}
		}
		if least < 0 {
			break
		}
		h.put(i, h[least])
		i = least
	}
	h.put(i, moved)
}

func (h dueHeap[T]) put(i int, x dueItem[T]) {
	h[i] = x
	x.item.place(i)
}

// before calls found for all that fall due before the given time. It looks at no more than five times as many.
func (h dueHeap[T]) before(due time.Duration, found func(T)) { h.beforeIn(0, due, found) }

func (h dueHeap[T]) beforeIn(i int, due time.Duration, found func(T)) {
	if i >= len(h) || h[i].due >= due {
		return
	}
	found(h[i].item)
	for child := 4*i + 1; child <= 4*i+4; child++ {
		h.beforeIn(child, due, found)
	}
}
