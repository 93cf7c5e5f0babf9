package analyze

import (
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
)

// A root has units if its goroutines do one job each, or one after another, and if its
// name says what they do.
func TestRootsWithUnits(t *testing.T) {
	root := func(function string, goroutines, jobs, turns int64) timeline.Root {
		r := timeline.Root{Function: function, Goroutines: goroutines, Jobs: jobs, Turns: turns}
		r.Spent[breakdown.CPU] = 1e9
		return r
	}
	for _, c := range []struct {
		root timeline.Root
		kind string
	}{
		{root("main.serve", 3, 0, 60), breakdown.InTurn},
		{root("main.handle", 100, 98, 98), breakdown.OneEach},
		{root("main.rarely", 3, 2, 10), ""},
		{root("main.pool", 100, 0, 150), ""}, // hardly more than one each
		{root("net.(*Resolver).goLookup", 100, 98, 98), ""},
		{root("golang.org/x/sync/errgroup.(*Group).Go.func1", 100, 98, 98), ""},
		{root("runtime.bgsweep", 1, 0, 100), ""},
	} {
		sums := rootSums{}
		sums.add([]timeline.Root{c.root})
		u := sums.render()[0].Units
		if kind := ""; u != nil {
			kind = u.Kind
			if kind != c.kind || !allUnits([]breakdown.Root{{Units: u}}).MatchString(c.root.Function) {
				t.Errorf("%s: %+v, not %q", c.root.Function, u, c.kind)
			}
		} else if c.kind != "" {
			t.Errorf("%s: no units, not %q", c.root.Function, c.kind)
		}
	}
}

// What little is done beside another root's work is offered as no unit.
func TestRootsThatDoLittle(t *testing.T) {
	busy, idle := timeline.Root{Function: "main.busy", Goroutines: 1}, timeline.Root{Function: "main.idle", Goroutines: 1, Turns: 100}
	busy.Spent[breakdown.CPU], idle.Spent[breakdown.CPU] = 1e9, 1e6
	sums := rootSums{}
	sums.add([]timeline.Root{busy, idle})
	for _, r := range sums.render() {
		if r.Units != nil {
			t.Errorf("%s: %+v", r.Function, r.Units)
		}
	}
}
