package policy

import "slices"

// urn is what draws without putting back leave. The zero urn holds everyone.
//
// In a short answer, what has been taken is a few arcs in ascending order, and a draw is a point on what is left between them. For a long
// one there is a sum tree of the arcs, copied for each query: that takes time in proportion to all candidates, and a draw only to
// the logarithm of their number.
type urn struct {
	taken [scanned + 1]int32 // ascending
	n     int                // how many of those there are
	long  *piles             // nil in a short answer
}

// measure says by what a draw from an urn is.
type measure int

const (
	byWeight measure = iota
	byFade           // by weight x fade
)

func (u *urn) take(x int32) {
	if u.long != nil {
		u.long.change(x, true)
		return
	}
	i := u.n
	for ; i > 0 && u.taken[i-1] > x; i-- {
		u.taken[i] = u.taken[i-1]
	}
	u.taken[i] = x
	u.n++
}

// put undoes take.
func (u *urn) put(x int32) {
	if u.long != nil {
		u.long.change(x, false)
		return
	}
	i := 0
	for u.taken[i] != x {
		i++
	}
	u.n--
	copy(u.taken[i:u.n], u.taken[i+1:])
}

// draw returns one of those left, each as often as its arc on the wheel of a measure says.
func (u *urn) draw(l *lots, w *wheel, by measure) int32 {
	if u.long != nil {
		return u.long.trees[by].find(l.draw(u.long.left[by]))
	}
	out := u.taken[:u.n]
	left := w.total
	for _, x := range out {
		left -= w.arc(x)
	}
	point := l.draw(left)
	for _, x := range out {
		if point < w.start(x) {
			break
		}
		point += w.arc(x)
	}
	return w.at(point)
}

// retried is the length of an answer up to which draws beside those named are tried again and again, and the tries how often that is: most
// often the first one, from the whole wheel, meets none of them.
const (
	retried = 8
	tries   = 8
)

// beside returns one who is neither in list nor is other, -1 for no one, each as often as its arc on the wheel says.
func (w *wheel) beside(list []int32, other int32, l *lots) int32 {
	for range tries {
		if x := w.at(l.draw(w.total)); x != other && !slices.Contains(list, x) {
			return x
		}
	}
	return w.left(list, other, l)
}

// left is beside without trying.
func (w *wheel) left(list []int32, other int32, l *lots) int32 {
	var u urn
	for _, x := range list {
		u.take(x)
	}
	if other >= 0 {
		u.take(other)
	}
	return u.draw(l, w, byWeight)
}
