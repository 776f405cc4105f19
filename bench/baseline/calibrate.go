package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// calibration is the version of the loop. Results of two versions are not compared: raise it with any change of round.
const calibration = 1

// A round of the loop does what the code under test does, in like parts: a half of its time it computes and branches, a quarter it waits for
// memory that is in no cache of the core, and a quarter it makes garbage of the size that a query makes.
const (
	steps   = 200 // of xorshift
	reads   = 16  // each of an address that the one before gives
	objects = 6
)

// ring is a walk through 4 MB in no order, which ends where it began: ring[i] is the place after i.
var ring = func() []uint32 {
	order := rand.New(rand.NewPCG(1, 2)).Perm(1 << 20)
	ring := make([]uint32, len(order))
	for i, place := range order {
		ring[place] = uint32(order[(i+1)%len(order)])
	}
	return ring
}()

type object [20]uint64

// What a round leaves for the next one.
var (
	state = uint64(1)
	place uint32
	kept  [64]*object
)

// round does the work once, which takes about a microsecond.
func round() {
	x := state
	for i := range uint64(steps) {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		if x&7 == 3 { // which no processor foresees
			x += i
		}
	}
	at := place
	for range reads {
		at = ring[at]
	}
	for i := range uint64(objects) {
		k := &object{}
		k[x&15] = x
		kept[(x+i)&63] = k
	}
	state, place = x|1, at
}

// calibrate returns how long a cal takes now, in nanoseconds: the median of several short runs, in which somebody else's turn at the
// processor does not show.
func calibrate(d time.Duration) float64 {
	const parts = 9
	var took [parts]float64
	for i := range took {
		began, rounds := time.Now(), 0
		for ; time.Since(began) < d/parts; rounds += 100 {
			for range 100 {
				round()
			}
		}
		took[i] = float64(time.Since(began).Nanoseconds()) / float64(rounds) / 1000
	}
	slices.Sort(took[:])
	return took[parts/2]
}
