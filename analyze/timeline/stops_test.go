package timeline

import (
	"regexp"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// What stops the world outside of requests is found, and what a request waited for in that
// time was noticed late.
func TestWhoStopsTheWorld(t *testing.T) {
	const dump, collect, allocate, asks, idle, begin = 1, 2, 3, 4, 5, 6
	stacks := []string{"", "runtime.Stack < main.dump < main.watch", "runtime.gcStart < runtime.GC < main.tidy < main.watch", "runtime.gcStart < runtime.mallocgc < main.fill < main.watch",
		"internal/poll.(*FD).Read < net.(*conn).Read < github.com/gomodule/redigo/redis.(*conn).Do < main.get < main.work", "runtime.chanrecv1 < main.work", "main.watch"}
	to := func(at int64, g int32, state trace.State, reason trace.Reason, stack int32) trace.Record {
		return trace.Record{At: at, Op: trace.OpState, G: g, Other: -1, State: state, Reason: reason, Stack: stack}
	}
	for _, c := range []struct {
		name   string
		g      int32
		stack  int32
		called string // "" for none found
	}{
		{"a dump of all stacks", 6, dump, "runtime.Stack"},
		{"a collection that was asked for", 6, collect, "runtime.GC"},
		{"a collection that nobody asked for", 6, allocate, ""},
		{"a request's own", 5, dump, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := rules.New()
			table.Units(regexp.MustCompile(`^main\.get$`))
			late := int64(0)
			m := newMachine(table, func(r *breakdown.Request) { late += r.Late[breakdown.Cache] })
			const ms = 1_000_000
			records := []trace.Record{
				{At: 0, Op: trace.OpCreate, G: 5, Other: -1, State: trace.StateRunning, Stack2: idle},
				{At: 0, Op: trace.OpCreate, G: 6, Other: -1, State: trace.StateRunning, Stack2: begin},
			}
			for i := range int64(20) { // each answer takes a ms, and every other one comes during a stop
				at := (10*i + 1) * ms
				end := at + ms
				records = append(records, to(at, 5, trace.StateWaiting, trace.ReasonNetwork, asks))
				if i%2 == 1 {
					end = at + 6*ms
					records = append(records,
						trace.Record{At: at + ms/2, Op: trace.OpStopBegin, G: c.g, Other: -1, Stack: c.stack},
						trace.Record{At: end - 1000, Op: trace.OpStopEnd, G: c.g, Other: -1})
				}
				records = append(records,
					trace.Record{At: end, Op: trace.OpWake, G: 5, Other: -1, State: trace.StateRunning},
					to(end+ms, 5, trace.StateWaiting, trace.ReasonRecv, idle),
					trace.Record{At: at + 9*ms, Op: trace.OpWake, G: 5, Other: -1, State: trace.StateRunning})
			}
			apply(m, &batch{stacks: stackClasses(table, stacks), first: 0, records: records})
			got := m.finish().Stoppers
			switch {
			case c.called == "" && len(got) > 0:
				t.Errorf("%+v", got)
			case c.called != "" && (len(got) != 1 || got[0].Called != c.called || got[0].Times != 10 || got[0].Time != 10*(6*ms-ms/2-1000)):
				t.Errorf("%+v", got)
			}
			// Of an answer's 6 ms, 5; half of the stop until it is known how long answers take.
			if late < 30*ms || late > 50*ms {
				t.Errorf("%d ns were noticed late", late)
			}
		})
	}
}
