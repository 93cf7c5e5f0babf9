package breakdown

import (
	"slices"
	"testing"
)

func TestTheLoadIsBySlice(t *testing.T) {
	var l Load
	l.Add(5*loadWidth+1000, 5*loadWidth+2000)
	l.Add(6*loadWidth-100, 7*loadWidth+50)
	l.Add(3*loadWidth, 3*loadWidth+7) // an earlier one may come later
	if want := []int64{7, 0, 1100, loadWidth, 50}; l.First != 3 || !slices.Equal(l.Ran, want) {
		t.Errorf("by slice %v from the slice %d on, want %v from 3", l.Ran, l.First, want)
	}
	if l.Turns != 3 {
		t.Errorf("%d stretches, want 3", l.Turns)
	}
}

// TestALongLoadIsCoarser adds more than fits: no time is lost.
func TestALongLoadIsCoarser(t *testing.T) {
	var l Load
	sum := int64(0)
	for i := range int64(3 * mostSlices) {
		at := (i + 7) * loadWidth
		l.Add(at, at+i%7+1)
		sum += i%7 + 1
	}
	if l.Width != 4*loadWidth || len(l.Ran) > mostSlices {
		t.Errorf("%d slices of %d ns, want at most %d of %d", len(l.Ran), l.Width, mostSlices, 4*loadWidth)
	}
	if got := l.Total(); got != sum {
		t.Errorf("%d ns in all slices, want %d", got, sum)
	}
}

func TestALoadWithoutAPartOfIt(t *testing.T) {
	var whole, part Load
	for i := range int64(2 * mostSlices) {
		whole.Add(i*loadWidth, i*loadWidth+1000)
		if i < 100 {
			part.Add(i*loadWidth, i*loadWidth+400)
		}
	}
	rest := whole.Without(&part)
	if got, want := rest.Total(), whole.Total()-part.Total(); got != want {
		t.Errorf("%d ns are left, want %d", got, want)
	}
	if rest.Ran[0] != 2*600 || rest.Ran[51] != 2*1000 {
		t.Errorf("%d and %d ns are left in two slices, want 1200 and 2000", rest.Ran[0], rest.Ran[51])
	}
	if part.Width != loadWidth {
		t.Error("the part was changed")
	}
}
