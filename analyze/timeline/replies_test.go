package timeline

import (
	"regexp"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A request that sent a message and waits for the answer waits for the broker and those
// behind it, whether the client hands it the answer or a goroutine that takes all of them
// does. One that sent none waits for news.
func TestAnAnswerFromABrokerIsNoNews(t *testing.T) {
	const idle, publish, waits, takes, feeds, hands, sleeps = 1, 2, 3, 4, 5, 6, 7
	stacks := []string{"", "runtime.chanrecv1 < main.work",
		"syscall.write < github.com/rabbitmq/amqp091-go.(*Channel).PublishWithContext < main.handle < main.work", "runtime.selectgo < main.handle < main.work",
		"runtime.chanrecv2 < main.dispatch", "runtime.selectgo < github.com/rabbitmq/amqp091-go.(*consumers).buffer", "runtime.chansend1 < main.dispatch",
		"time.Sleep < main.dispatch"}
	to := func(at int64, g int32, state trace.State, reason trace.Reason, stack int32) trace.Record {
		return trace.Record{At: at, Op: trace.OpState, G: g, Other: -1, State: state, Reason: reason, Stack: stack}
	}
	wakes := func(at int64, g, by, stack int32) trace.Record {
		return trace.Record{At: at, Op: trace.OpWake, G: g, Other: by, State: trace.StateRunning, Stack2: stack}
	}
	taken := []trace.Record{wakes(800, 6, 7, feeds), to(810, 6, trace.StateWaiting, trace.ReasonSleep, sleeps), wakes(900, 6, -1, 0), wakes(910, 5, 6, hands)}
	sum := func(sleep, fetch int64) (all [breakdown.NumBuckets]int64) {
		all[breakdown.Sleep], all[breakdown.Queue] = sleep, fetch
		return all
	}
	for _, c := range []struct {
		name  string
		sends bool
		ends  []trace.Record
		want  [breakdown.NumBuckets]int64
		by    breakdown.Ender
	}{
		{"another goroutine takes all answers", true, taken, sum(90, 600), breakdown.ByOwn},
		{"the client hands it over", true, []trace.Record{wakes(910, 5, 7, feeds)}, sum(0, 710), breakdown.ByOwn},
		{"nothing was sent", false, taken, sum(0, 0), breakdown.ByRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := rules.New()
			table.Units(regexp.MustCompile(`^main\.handle$`))
			var all []breakdown.Request
			m := newMachine(table, func(r *breakdown.Request) {
				if err := r.Check(); err != nil {
					t.Error(err)
				}
				if r.Endpoint == "main.handle" {
					kept := *r
					kept.Path, kept.Waits, kept.Calls = append([]breakdown.Segment(nil), r.Path...), append([]breakdown.Waited(nil), r.Waits...), append([]breakdown.Call(nil), r.Calls...)
					all = append(all, kept)
				}
			})
			records := []trace.Record{
				{At: 100, Op: trace.OpCreate, G: 5, Other: -1, State: trace.StateRunning, Stack2: idle},
				{At: 100, Op: trace.OpCreate, G: 6, Other: -1, State: trace.StateRunning, Stack2: takes},
				{At: 100, Op: trace.OpCreate, G: 7, Other: -1, State: trace.StateRunning, Stack2: feeds},
				to(110, 6, trace.StateWaiting, trace.ReasonRecv, takes),
				to(120, 5, trace.StateWaiting, trace.ReasonRecv, idle), wakes(150, 5, -1, 0),
			}
			if c.sends {
				records = append(records, to(160, 5, trace.StateSyscall, trace.ReasonNone, publish), to(170, 5, trace.StateRunning, trace.ReasonNone, 0))
			}
			records = append(records, to(200, 5, trace.StateWaiting, trace.ReasonSelect, waits))
			records = append(append(records, c.ends...),
				to(950, 5, trace.StateWaiting, trace.ReasonRecv, idle), to(960, 6, trace.StateWaiting, trace.ReasonRecv, takes))
			apply(m, &batch{stacks: stackClasses(table, stacks), first: 100, records: records})
			m.finish()
			if len(all) != 1 || len(all[0].Waits) != 1 {
				t.Fatalf("%+v", all)
			}
			var spent [breakdown.NumBuckets]int64
			for _, s := range all[0].Path {
				if s.Start >= 200 && (s.Bucket == breakdown.Queue && s.Phase == breakdown.Fetch && s.Cause.System == "amqp" || s.Bucket == breakdown.Sleep) {
					spent[s.Bucket] += s.End - s.Start
				}
			}
			if spent != c.want || all[0].Waits[0].By != c.by {
				t.Errorf("%v, ended by %v", spent, all[0].Waits[0].By)
			}
			awaited := 0
			for _, call := range all[0].Calls {
				if call.Awaits {
					awaited++
				}
			}
			if (awaited == 1) != c.sends {
				t.Errorf("calls %+v", all[0].Calls)
			}
		})
	}
}
