package main

import "testing"

// A small heap is collected when it reaches a fixed size, a large one when it has grown
// by a fixed part.
func TestPercentOfTheLiveHeap(t *testing.T) {
	for live, want := range map[int64]int{
		0:             3100,
		1_000_000:     3100,
		16_000_000:    100,
		22_000_000:    45,
		leastHeap:     collectAt,
		1_000_000_000: collectAt,
	} {
		if got := percentFor(live); got != want {
			t.Errorf("%d bytes are live: GOGC is %d, want %d", live, got, want)
		}
	}
}
