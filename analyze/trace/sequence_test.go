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
			t.Errorf("%d cannot be taken exactly once", number)
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

// The number of a generation decides or, if that is not enough, its time.
func TestASequenceDecidesWhatToRead(t *testing.T) {
	type step struct {
		number      uint64
		first, last int64
		place       Place
		lost        int64
	}
	for _, c := range []struct {
		name                    string
		steps                   []step // with all the time from 100 to 200 read
		missing, late, repeated []Run
	}{
		{"in order", []step{{5, 0, 0, Follows, 0}, {6, 0, 0, Follows, 0}}, nil, nil, nil},
		{"a trace of Go before 1.22", []step{{0, 0, 0, Follows, 0}}, nil, nil, nil},
		{"around the end of a word", []step{{math.MaxUint32, 0, 0, Follows, 0}, {4, 0, 0, Follows, 0}}, nil, nil, nil},
		{"with a gap", []step{{5, 0, 0, Follows, 0}, {9, 0, 0, AfterGap, 0}}, []Run{{6, 8}}, nil, nil},
		{"one of the gap comes late", []step{{5, 0, 0, Follows, 0}, {9, 0, 0, AfterGap, 0}, {7, 150, 260, LeftOut, 0}}, []Run{{6, 6}, {8, 8}}, []Run{{7, 7}}, nil},
		{"one comes again", []step{{5, 0, 0, Follows, 0}, {6, 0, 0, Follows, 0}, {5, 110, 190, LeftOut, 0}}, nil, nil, []Run{{5, 5}}},
		{"one from before the first", []step{{5, 0, 0, Follows, 0}, {4, 110, 190, LeftOut, 0}}, nil, []Run{{4, 4}}, nil},
		{"one from before the time read, twice", []step{{5, 0, 0, Follows, 0}, {4, 60, 110, LeftOut, 40}, {4, 60, 110, LeftOut, 0}}, nil, []Run{{4, 4}}, []Run{{4, 4}}},
		{"another process's with a number that was read", []step{{5, 0, 0, Follows, 0}, {6, 0, 0, Follows, 0}, {5, 190, 250, LeftOut, 50}}, nil, []Run{{5, 5}}, nil},
	} {
		var s Sequence
		for _, step := range c.steps {
			place, lost := s.Add(&Generation{Number: step.number, First: step.first, Last: step.last}, 100, 200)
			if place != step.place || lost != step.lost {
				t.Errorf("%s: generation %d has place %d and loses %d, not %d and %d", c.name, step.number, place, lost, step.place, step.lost)
			}
		}
		if !slices.Equal(s.Missing.Runs, c.missing) || !slices.Equal(s.Late.Runs, c.late) || !slices.Equal(s.Repeated.Runs, c.repeated) {
			t.Errorf("%s: missing %v, late %v, repeated %v; not %v, %v and %v", c.name, s.Missing.Runs, s.Late.Runs, s.Repeated.Runs, c.missing, c.late, c.repeated)
		}
	}
}
