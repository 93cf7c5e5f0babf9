package timeline

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A library that calls the service back for each message waits for none while there are
// more. Then the callback that is back at its first step has another message, unless it is
// known to do several things for each.
func TestMessagesThatWereThere(t *testing.T) {
	const in = " < main.handle < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs"
	const idle, first, second = 1, 2, 3
	stacks := []string{"", "sync.runtime_notifyListWait < sync.(*Cond).Wait < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
		"time.Sleep < main.first" + in, "time.Sleep < main.second" + in}

	repeat := func(n int, steps ...int32) (all []int32) {
		for range n {
			all = append(all, steps...)
		}
		return all
	}
	for _, c := range []struct {
		name  string
		turns [][]int32
		units []int // with as many steps
	}{
		{"after each had a wait of its own", [][]int32{{first, second}, {first, second}, {first, second, first, second}}, []int{2, 2, 2, 2}},
		{"of one step", [][]int32{{first}, {first}, {first, first, first}}, []int{1, 1, 1, 1, 1}},
		{"without ever a wait", [][]int32{repeat(20, first, second)}, []int{2, 2, 2}},
		{"of a callback that repeats itself", [][]int32{repeat(3, first, second), repeat(20, first, second)}, []int{6, 40}},
		{"of a callback that repeats its second step", [][]int32{{first, second, second, second}, {first, second, second, first, second}}, []int{4, 3, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := int64(100)
			records := []trace.Record{
				{At: at, Op: trace.OpCreate, G: 5, Other: -1, State: trace.StateRunnable, Stack2: idle},
				{At: at, Op: trace.OpCreate, G: 6, Other: -1, State: trace.StateRunning},
				{At: at, Op: trace.OpState, G: 5, Other: -1, State: trace.StateRunning},
			}
			wait := func(stack int32, reason trace.Reason, waker int32) {
				records = append(records,
					trace.Record{At: at + 10, Op: trace.OpState, G: 5, Other: -1, State: trace.StateWaiting, Reason: reason, Stack: stack},
					trace.Record{At: at + 90, Op: trace.OpWake, G: 5, Other: waker, State: trace.StateRunnable},
					trace.Record{At: at + 95, Op: trace.OpState, G: 5, Other: -1, State: trace.StateRunning})
				at += 100
			}
			for _, steps := range c.turns {
				wait(idle, trace.ReasonCond, 6)
				for _, s := range steps {
					wait(s, trace.ReasonSleep, -1)
				}
			}
			wait(idle, trace.ReasonCond, 6)
			table := rules.New()
			var got []int
			m := newMachine(table, func(r *breakdown.Request) {
				if err := r.Check(); err != nil || r.Kind != "nats" || r.Endpoint != "main.handle" {
					t.Errorf("%v, %+v", err, r)
				}
				n := 0
				for _, s := range r.Path {
					if s.Bucket == breakdown.Sleep {
						n++
					}
				}
				got = append(got, n)
			})
			apply(m, &batch{stacks: stackClasses(table, stacks), first: 100, records: records})
			m.finish()
			if !slices.Equal(got, c.units) {
				t.Errorf("units of %v steps, want %v", got, c.units)
			}
		})
	}
}
