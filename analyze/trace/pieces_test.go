package trace

import (
	"reflect"
	"slices"
	"testing"

	"timesink/analyze/trace/tracetest"
)

// pieces returns a generation that yields its records in pieces of at least that many.
func pieces(g encoded, least int) *Generation {
	c := newShared(Options{})
	return &Generation{pieces: func(each func(*Generation) bool) { decodePieces(g, c, least, each) }}
}

// The pieces hold the same records as the whole. Each comes with the tables that it needs,
// which only grow.
func TestPiecesMakeUpTheWhole(t *testing.T) {
	for name, data := range tracetest.Recorded(t) {
		for _, g := range generations(t, data) {
			whole, err := ordinary(g, newShared(Options{}), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := pieces(g, 100)
			var records []Record
			for piece := range got.Records() {
				if len(piece) < 100 && len(records)+len(piece) < len(whole.records) {
					t.Errorf("%s: a piece of %d records", name, len(piece))
				}
				for _, r := range piece {
					if int(max(r.G, r.Other)) >= len(got.IDs) || int(r.Stack) >= len(got.Stacks) {
						t.Fatalf("%s: the tables lack what %+v refers to", name, r)
					}
				}
				if n := len(got.IDs); !slices.Equal(got.IDs, whole.IDs[:n]) {
					t.Errorf("%s: the first %d ids are not those of the whole", name, n)
				}
				records = append(records, piece...)
			}
			if !slices.Equal(records, whole.records) || !slices.Equal(got.Names, whole.Names) || !reflect.DeepEqual(got.Stacks, whole.Stacks) {
				t.Errorf("%s: %d records in pieces, %d in the whole", name, len(records), len(whole.records))
			}
		}
	}
}

// A loop over pieces may be left early and started again.
func TestALoopOverPiecesMayBeLeftEarly(t *testing.T) {
	g := pieces(generations(t, tracetest.Recorded(t)["go1.26"])[0], 100)
	for range 2 {
		n := 0
		for range g.Records() {
			if n++; n == 2 {
				break
			}
		}
		if n != 2 || g.Empty() {
			t.Errorf("%d pieces, and empty is %t", n, g.Empty())
		}
	}
}
