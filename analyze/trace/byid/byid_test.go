package byid_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"timesink/analyze/trace/byid"
)

func Example() {
	type goroutine struct{ state string }
	var all byid.Table[goroutine]
	all.Add(7, &goroutine{"waiting"})
	fmt.Println(all.Find(7).state, all.Find(8) == nil, all.Len())
	all.Remove(7)
	fmt.Println(all.Find(7) == nil, all.Len())
	// Output:
	// waiting true 1
	// true 0
}

// A table holds the same as a map after any additions and removals.
func TestATableHoldsWhatAMapHolds(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var table byid.Table[int]
	want := map[int64]*int{}
	for range 50_000 {
		id := rng.Int64N(600) << (8 * rng.IntN(2)) // some have the same home
		thing := table.Find(id)
		if thing != want[id] {
			t.Fatalf("Find(%d) = %p, want %p", id, thing, want[id])
		}
		switch {
		case thing == nil:
			want[id] = new(int)
			table.Add(id, want[id])
		case rng.IntN(3) > 0:
			table.Remove(id)
			delete(want, id)
		}
	}
	n := 0
	for range table.All() {
		n++
	}
	if n != len(want) || table.Len() != n {
		t.Errorf("Len %d and %d things found, want %d", table.Len(), n, len(want))
	}
}
