package main

import (
	"testing"
	"time"
)

// BenchmarkCalibration is a round of the loop that benchmarks are divided by.
func BenchmarkCalibration(b *testing.B) {
	for b.Loop() {
		round()
	}
}

func TestRingIsOneWalk(t *testing.T) {
	at, n := uint32(0), 0
	for {
		at = ring[at]
		n++
		if at == 0 {
			break
		}
	}
	if n != len(ring) {
		t.Errorf("the walk ends after %d of %d places", n, len(ring))
	}
}

func TestCalibrate(t *testing.T) {
	if cal := calibrate(time.Millisecond); cal <= 0 {
		t.Errorf("a cal takes %v ns", cal)
	}
}
