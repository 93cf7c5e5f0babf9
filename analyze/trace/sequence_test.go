package trace

import (
	"math"
	"slices"
	"testing"
)

func TestNumbersKeepTheirRuns(t *testing.T) {
	var n Numbers
	for _, r := range []Run{{3, 5}, {6, 6}, {9, 9}, {8, 8}, {20, 30}} {
		n.add(r)
	}
	if want := []Run{{3, 6}, {8, 9}, {20, 30}}; !slices.Equal(n.Runs, want) || n.Count != 17 {
		t.Errorf("%+v, not %v", n, want)
	}
	for _, number := range []uint64{3, 6, 8, 9, 25} {
		if !n.take(number) || n.take(number) {
			t.Errorf("%d cannot be taken once", number)
		}
	}
	if want := []Run{{4, 5}, {20, 24}, {26, 30}}; !slices.Equal(n.Runs, want) || n.Count != 12 {
		t.Errorf("%+v, not %v", n, want)
	}
	for i := range uint64(3 * maxRuns) {
		n.add(Run{100 + 2*i, 100 + 2*i})
	}
	n.add(Run{1 << 20, math.MaxUint64})
	if len(n.Runs) > maxRuns || n.Count != math.MaxUint64-1<<20+1+12+3*maxRuns {
		t.Errorf("%d runs of %d numbers", len(n.Runs), n.Count)
	}
}
