package main

import (
	"flag"
	"math/rand/v2"
	"testing"
)

var long = flag.Bool("long", false, "make 400 comparisons of each kind instead of 60")

// comparisons returns how many comparisons of one build with itself to make of each kind,
// and in how many of them a gate may break. Nominally it is one in a hundred.
func comparisons() (n, mostBroken int) {
	if *long {
		return 400, 8
	}
	return 60, 2
}

// inTurn splits captures in the order of time into two sides: of each two, one goes to
// either side, at random.
func inTurn(r *rand.Rand, captures []*Recorded) (before, after []*Recorded) {
	for i := 0; i+1 < len(captures); i += 2 {
		x, y := captures[i], captures[i+1]
		if r.IntN(2) == 0 {
			x, y = y, x
		}
		before, after = append(before, x), append(after, y)
	}
	return before, after
}

// TestOneBuildSeldomBreaksAGate compares one build with itself, with different numbers of
// captures a side that were taken in turn, beside a neighbor and under a drifting load.
func TestOneBuildSeldomBreaksAGate(t *testing.T) {
	null, _ := read(t)
	comparisons, mostBroken := comparisons()
	for _, n := range []int{1, 2, 3, 4, 6} {
		r, wrong, undecided := rand.New(rand.NewPCG(1, uint64(n))), 0, 0
		for range comparisons {
			at := r.IntN(len(null) - 2*n + 1)
			before, after := inTurn(r, null[at:at+2*n])
			c := compare(t, before, after, nil, gates...)
			if broken(c) {
				wrong++
			}
			if len(c.Undecided) > 0 {
				undecided++
			}
		}
		t.Logf("%d a side: %d of %d broken, %d undecided by their design", n, wrong, comparisons, undecided)
		if wrong > mostBroken {
			t.Errorf("%d captures a side broke a gate in %d of %d comparisons of one build", n, wrong, comparisons)
		}
	}
}

// TestDriftBreaksNoGate compares captures of one build of which one side came first.
func TestDriftBreaksNoGate(t *testing.T) {
	null, _ := read(t)
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		n := 2 + r.IntN(5)
		at := r.IntN(len(null) - 2*n + 1)
		c := compare(t, null[at:at+n], null[at+n:at+2*n], nil, gates...)
		if broken(c) || len(c.Undecided) == 0 {
			t.Errorf("%d captures and then %d broke a gate: %+v", n, n, c.Gates)
		}
	}
}
