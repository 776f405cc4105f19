package isolation

// freshHeap holds fresh failures in the order in which they cease to be fresh. It implements heap.Interface.
type freshHeap []*Target

func (h freshHeap) Len() int           { return len(h) }
func (h freshHeap) Less(i, j int) bool { return h[i].until().Before(h[j].until()) }

func (h freshHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = int32(i), int32(j)
}

// Push adds a *Target at the end.
func (h *freshHeap) Push(x any) {
	t := x.(*Target)
	t.index = int32(len(*h))
	*h = append(*h, t)
}

// Pop removes the *Target at the end.
func (h *freshHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil // so that the array does not keep it alive
	*h = (*h)[:last]
	return t
}
