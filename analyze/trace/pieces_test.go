package trace

import (
	"reflect"
	"slices"
	"testing"

	"timesink/analyze/trace/tracetest"
)

// pieced returns a generation that yields its records in pieces of at least that many, with
// this package's decoder and with the ordinary reader.
func pieced(t *testing.T, g encoded, least int) []*Generation {
	t.Helper()
	c := newShared(Options{})
	d, err := decodeInPieces(g, c, least)
	if err != nil {
		t.Fatal(err)
	}
	e, err := checkEvents(g, c)
	if err != nil {
		t.Fatal(err)
	}
	if d.Events != e.Events || d.First != e.First || d.Last != e.Last || !reflect.DeepEqual(d.Clock, e.Clock) || d.Heap != e.Heap || !d.hasPieces() {
		t.Errorf("the decoders disagree: %+v, %+v", d, e)
	}
	return []*Generation{&d, {pieces: func(each func(*Generation) bool) {
		decodeEventPieces(g, newShared(Options{}), pieces{least: least, each: each})
	}}}
}

func (g *Generation) hasPieces() bool { return g.pieces != nil && len(g.records) == 0 }

// The pieces hold the same records as the whole. Each comes with the tables that it needs,
// which only grow.
func TestPiecesMakeUpTheWhole(t *testing.T) {
	for name, data := range tracetest.Recorded(t) {
		for _, g := range generations(t, data) {
			whole, err := ordinary(g, newShared(Options{}), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, got := range pieced(t, g, 100) {
				checkPieces(t, name, got, &whole)
			}
		}
	}
}

func checkPieces(t *testing.T, name string, got, whole *Generation) {
	t.Helper()
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

// A loop over pieces may be left early and started again.
func TestALoopOverPiecesMayBeLeftEarly(t *testing.T) {
	for _, g := range pieced(t, generations(t, tracetest.Recorded(t)["go1.26"])[0], 100) {
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
}
