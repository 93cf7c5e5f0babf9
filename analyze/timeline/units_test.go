package timeline

import (
	"regexp"
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// What a service marks, and what its user names, are units of work: from when a
// goroutine is first seen in it until it no longer is.
func TestMarkedUnits(t *testing.T) {
	stacks := []string{"", "main.work", "runtime.chanrecv1 < main.work", "time.Sleep < main.handle < main.work", "time.Sleep < main.inner < main.handle < main.work"}
	const begin, idle, busy, deep = 1, 2, 3, 4
	wait := func(at int64, stack int32) trace.Record {
		return trace.Record{At: at, Op: trace.OpState, G: 5, Other: -1, State: trace.StateWaiting, Reason: trace.ReasonSleep, Stack: stack}
	}
	runs := func(at int64) trace.Record {
		return trace.Record{At: at, Op: trace.OpState, G: 5, Other: -1, State: trace.StateRunning}
	}
	says := func(at int64, what trace.Op, g, task int32) trace.Record {
		return trace.Record{At: at, Op: what, G: g, Other: task}
	}
	for _, c := range []struct {
		name    string
		records []trace.Record
		kind    string
		want    [][2]int64
	}{
		{"a region", []trace.Record{says(200, trace.OpRegionBegin, 5, 0), wait(210, busy), runs(290), says(300, trace.OpRegionEnd, 5, 0)}, "region", [][2]int64{{200, 300}}},
		{"a region within a region", []trace.Record{says(200, trace.OpRegionBegin, 5, 0), says(210, trace.OpRegionBegin, 5, 0), says(220, trace.OpRegionEnd, 5, 0), says(300, trace.OpRegionEnd, 5, 0)},
			"region", [][2]int64{{200, 300}}},
		{"the end of a region of before the window", []trace.Record{says(200, trace.OpRegionEnd, 5, 0)}, "", nil},
		{"a task", []trace.Record{says(200, trace.OpTaskBegin, 5, 7), says(210, trace.OpRegionBegin, 5, 7), says(220, trace.OpRegionEnd, 5, 7), says(300, trace.OpTaskEnd, 5, 7)}, "task", [][2]int64{{200, 300}}},
		{"a task of another task", []trace.Record{says(200, trace.OpTaskBegin, 5, 7), says(210, trace.OpSubtaskBegin, 5, 8), says(220, trace.OpTaskEnd, 5, 8), says(300, trace.OpTaskEnd, 5, 7)}, "task", [][2]int64{{200, 300}}},
		{"a task that another goroutine ends", []trace.Record{says(200, trace.OpTaskBegin, 5, 7), wait(210, idle), says(300, trace.OpTaskEnd, 6, 7)}, "task", [][2]int64{{200, 300}}},
		{"a task that was handed over", []trace.Record{says(200, trace.OpTaskBegin, 5, 7), says(210, trace.OpTaskBegin, 5, 8), says(300, trace.OpTaskEnd, 5, 8), says(310, trace.OpTaskEnd, 6, 7)}, "task", [][2]int64{{210, 300}}},
		{"a task whose goroutine ends", []trace.Record{says(200, trace.OpTaskBegin, 5, 7), {At: 300, Op: trace.OpEnd, G: 5, Other: -1}, says(310, trace.OpTaskEnd, 6, 7)}, "task", [][2]int64{{200, 300}}},
		{"a function, with the running before and behind it", []trace.Record{wait(150, idle), runs(200), wait(210, busy), runs(290), wait(300, idle)}, "function", [][2]int64{{200, 300}}},
		{"a function, and what it calls", []trace.Record{wait(150, idle), runs(200), wait(210, busy), runs(250), wait(260, deep), runs(290), wait(300, idle)}, "function", [][2]int64{{200, 300}}},
		{"a function, twice", []trace.Record{wait(150, idle), runs(200), wait(210, busy), runs(290), wait(300, idle), runs(400), wait(410, busy), runs(490), wait(500, idle)},
			"function", [][2]int64{{200, 300}, {400, 500}}},
	} {
		table := rules.New()
		table.Units(regexp.MustCompile(`^main\.handle$`))
		var got [][2]int64
		m := newMachine(table, func(r *breakdown.Request) {
			if err := r.Check(); err != nil || r.Incomplete || r.Kind != c.kind || r.Endpoint != map[string]string{"function": "main.handle"}[c.kind]+map[string]string{"task": "order", "region": "order"}[c.kind] {
				t.Errorf("%s: %v, %+v", c.name, err, r)
			}
			got = append(got, [2]int64{r.Start, r.End})
		})
		apply(m, &batch{stacks: stackClasses(table, stacks), names: []string{"order"}, first: 100, records: append([]trace.Record{
			{At: 100, Op: trace.OpCreate, G: 5, Other: -1, State: trace.StateRunnable, Stack2: begin},
			{At: 100, Op: trace.OpCreate, G: 6, Other: -1, State: trace.StateRunnable, Stack2: begin},
			{At: 110, Op: trace.OpState, G: 5, Other: -1, State: trace.StateRunning},
		}, c.records...)})
		m.finish()
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A loop's turns as records: it waits for a message, reads it, and works on it.
const (
	loopReads = 1 + iota
	loopWorks
)

var loopStacks = []string{"", "internal/poll.(*FD).Read < net.(*conn).Read < bufio.(*Reader).ReadString < main.serve", "time.Sleep < main.work < main.serve"}

// loopState returns the record that the loop's goroutine enters a state.
func loopState(at int64, state trace.State, reason trace.Reason, stack int32) trace.Record {
	return trace.Record{At: at, Op: trace.OpState, G: 5, Other: -1, State: state, Reason: reason, Stack: stack}
}

// loopUnits returns the units of a loop's goroutine with some records.
func loopUnits(records []trace.Record) (got [][2]int64) {
	table := rules.New()
	table.Units(regexp.MustCompile(`^main\.serve$`))
	m := newMachine(table, func(r *breakdown.Request) { got = append(got, [2]int64{r.Start, r.End}) })
	apply(m, &batch{stacks: stackClasses(table, loopStacks), first: 100, records: append([]trace.Record{
		{At: 100, Op: trace.OpCreate, G: 5, Other: -1, State: trace.StateRunnable, Stack2: loopReads},
		loopState(110, trace.StateRunning, trace.ReasonNone, 0)}, records...)})
	m.finish()
	return got
}

// A goroutine that is stopped while it reads the next message has found none yet, and the
// read that follows may wait.
func TestAStopWhileALoopReadsIsNoMessage(t *testing.T) {
	var records []trace.Record
	var want [][2]int64
	for at := int64(1000); at < 10_000; at += 1000 {
		records = append(records,
			loopState(at, trace.StateWaiting, trace.ReasonNetwork, loopReads),
			trace.Record{At: at + 100, Op: trace.OpWake, G: 5, Other: -1, State: trace.StateRunnable},
			loopState(at+110, trace.StateRunning, trace.ReasonNone, 0),
			loopState(at+120, trace.StateSyscall, trace.ReasonNone, loopReads),
			loopState(at+130, trace.StateRunning, trace.ReasonNone, 0),
			loopState(at+140, trace.StateRunnable, trace.ReasonNone, loopReads), // preempted
			loopState(at+150, trace.StateRunning, trace.ReasonNone, 0),
			loopState(at+160, trace.StateWaiting, trace.ReasonSleep, loopWorks),
			trace.Record{At: at + 500, Op: trace.OpWake, G: 5, Other: -1, State: trace.StateRunning},
			loopState(at+600, trace.StateSyscall, trace.ReasonNone, loopReads),
			loopState(at+610, trace.StateRunning, trace.ReasonNone, 0),
			loopState(at+620, trace.StateRunnable, trace.ReasonNone, loopReads),
			loopState(at+630, trace.StateRunning, trace.ReasonNone, 0),
		)
		want = append(want, [2]int64{at + 100, at + 600})
	}
	if got := loopUnits(records); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A read that finds nothing is followed by another one, without a wait, if a message comes
// in between. It looks like a message that leaves no stack, which some loops have.
func TestAReadThatFindsNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		works bool // on each message, so that the trace shows it
		want  [2]int64
	}{
		{"of a loop that works on each message", true, [2]int64{9700, 9900}},
		{"of a loop that does not", false, [2]int64{9600, 9700}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var records []trace.Record
			read := func(at int64) {
				records = append(records, loopState(at, trace.StateSyscall, trace.ReasonNone, loopReads), loopState(at+10, trace.StateRunning, trace.ReasonNone, 0))
			}
			work := func(at int64) {
				if c.works {
					records = append(records, loopState(at, trace.StateWaiting, trace.ReasonSleep, loopWorks), trace.Record{At: at + 50, Op: trace.OpWake, G: 5, Other: -1, State: trace.StateRunning})
				}
			}
			for at := int64(1000); at < 10_000; at += 1000 {
				records = append(records, loopState(at, trace.StateWaiting, trace.ReasonNetwork, loopReads), trace.Record{At: at + 100, Op: trace.OpWake, G: 5, Other: -1, State: trace.StateRunning})
				read(at + 120)
				work(at + 160)
				read(at + 600)
			}
			read(9700) // a message has come
			work(9760)
			read(9900)
			records = append(records, loopState(9950, trace.StateWaiting, trace.ReasonNetwork, loopReads))
			got := loopUnits(records)
			if n := len(got); n < 8 || !slices.Contains(got, c.want) || c.works && slices.Contains(got, [2]int64{9600, 9700}) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
