package timeline

import (
	"regexp"
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// What a service marks, and what its user names, are units of work: from when a
// goroutine is seen in it to when it no longer is.
func TestUnitsThatTheServiceMarks(t *testing.T) {
	stacks := []string{"", "main.work", "runtime.chanrecv1 < main.work", "time.Sleep < main.handle < main.work", "time.Sleep < main.inner < main.handle < main.work"}
	const begin, idle, busy, deep = 1, 2, 3, 4
	wait := func(at int64, stack int32) record {
		return record{at: at, op: opState, g: 5, other: -1, state: stateWaiting, reason: reasonSleep, stack: stack}
	}
	runs := func(at int64) record { return record{at: at, op: opState, g: 5, other: -1, state: stateRunning} }
	says := func(at int64, what op, g, task int32, part uint8) record {
		return record{at: at, op: what, g: g, other: task, state: part}
	}
	for _, c := range []struct {
		name    string
		records []record
		kind    string
		want    [][2]int64
	}{
		{"a region", []record{says(200, opRegion, 5, 0, 0), wait(210, busy), runs(290), says(300, opRegionEnd, 5, 0, 0)}, "region", [][2]int64{{200, 300}}},
		{"a region within a region", []record{says(200, opRegion, 5, 0, 0), says(210, opRegion, 5, 0, 0), says(220, opRegionEnd, 5, 0, 0), says(300, opRegionEnd, 5, 0, 0)},
			"region", [][2]int64{{200, 300}}},
		{"the end of a region of before the window", []record{says(200, opRegionEnd, 5, 0, 0)}, "", nil},
		{"a task", []record{says(200, opTask, 5, 7, 0), says(210, opRegion, 5, 7, 0), says(220, opRegionEnd, 5, 7, 0), says(300, opTaskEnd, 5, 7, 0)}, "task", [][2]int64{{200, 300}}},
		{"a task of another task", []record{says(200, opTask, 5, 7, 0), says(210, opTask, 5, 8, 1), says(220, opTaskEnd, 5, 8, 0), says(300, opTaskEnd, 5, 7, 0)}, "task", [][2]int64{{200, 300}}},
		{"a task that another goroutine ends", []record{says(200, opTask, 5, 7, 0), wait(210, idle), says(300, opTaskEnd, 6, 7, 0)}, "task", [][2]int64{{200, 300}}},
		{"a task that was handed over", []record{says(200, opTask, 5, 7, 0), says(210, opTask, 5, 8, 0), says(300, opTaskEnd, 5, 8, 0), says(310, opTaskEnd, 6, 7, 0)}, "task", [][2]int64{{210, 300}}},
		{"a task whose goroutine ends", []record{says(200, opTask, 5, 7, 0), {at: 300, op: opEnd, g: 5, other: -1}, says(310, opTaskEnd, 6, 7, 0)}, "task", [][2]int64{{200, 300}}},
		{"a function, with the running before and behind it", []record{wait(150, idle), runs(200), wait(210, busy), runs(290), wait(300, idle)}, "function", [][2]int64{{200, 300}}},
		{"a function, and what it calls", []record{wait(150, idle), runs(200), wait(210, busy), runs(250), wait(260, deep), runs(290), wait(300, idle)}, "function", [][2]int64{{200, 300}}},
		{"a function, twice", []record{wait(150, idle), runs(200), wait(210, busy), runs(290), wait(300, idle), runs(400), wait(410, busy), runs(490), wait(500, idle)},
			"function", [][2]int64{{200, 300}, {400, 500}}},
	} {
		table := rules.New()
		table.Units(regexp.MustCompile(`^main\.handle$`))
		var got [][2]int64
		m := newMachine(newClasses(table), func(r *breakdown.Request) {
			if err := r.Check(); err != nil || r.Incomplete || r.Kind != c.kind || r.Endpoint != map[string]string{"function": "main.handle"}[c.kind]+map[string]string{"task": "order", "region": "order"}[c.kind] {
				t.Errorf("%s: %v, %+v", c.name, err, r)
			}
			got = append(got, [2]int64{r.Start, r.End})
		})
		apply(m, &decoded{classes: stackClasses(table, stacks), names: []string{"order"}, first: 100, records: append([]record{
			{at: 100, op: opCreate, g: 5, other: -1, state: stateRunnable, stack2: begin},
			{at: 100, op: opCreate, g: 6, other: -1, state: stateRunnable, stack2: begin},
			{at: 110, op: opState, g: 5, other: -1, state: stateRunning},
		}, c.records...)})
		m.finish()
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", c.name, got, c.want)
		}
	}
}
