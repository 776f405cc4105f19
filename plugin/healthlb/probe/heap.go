package probe

import "time"

// dueHeap holds entries in the order in which they fall due. It implements heap.Interface.
type dueHeap []*Entry

// due is when the first of them does.
func (h dueHeap) due() time.Duration {
	if len(h) == 0 {
		return never
	}
	return h[0].due
}

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due < h[j].due }

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push adds an *Entry at the end.
func (h *dueHeap) Push(x any) {
	e := x.(*Entry)
	e.index = len(*h)
	*h = append(*h, e)
}

// Pop removes the *Entry at the end.
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil // so that the array does not keep a stopped entry alive
	*h = (*h)[:last]
	e.index = -1
	return e
}
