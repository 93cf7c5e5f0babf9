package timeline

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// It makes no difference to the answer whether goroutines that only wait share one.
func TestGoroutinesThatOnlyWaitMayShareOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	shared := 0
	for run := range 300 {
		data := append(waitingRecords(rng, 40), randomRecords(rng, 250)...)
		data = append(data, 255, 0, 0, 0, 0, 0, 0, 0)
		data = append(data, waitingRecords(rng, 80)...)
		sum, requests, most := runMachine(data, true)
		wantSum, want, none := runMachine(data, false)
		shared += most
		switch {
		case none != 0:
			t.Fatalf("%d goroutines share one although they must not", none)
		case !slices.Equal(requests, want):
			t.Fatalf("run %d: requests\n%q\nwant\n%q", run, requests, want)
		case !reflect.DeepEqual(sum, wantSum):
			t.Fatalf("run %d: summary\n%+v\nwant\n%+v", run, sum, wantSum)
		}
	}
	if shared < 1000 {
		t.Errorf("only %d goroutines shared one", shared)
	}
}

// waitingRecords are statuses of goroutines that wait, most with one of few stacks.
func waitingRecords(rng *rand.Rand, n int) (data []byte) {
	for range n {
		stack := byte(rng.IntN(4)) + 10
		if rng.IntN(3) == 0 {
			stack = byte(rng.IntN(len(testStacks)))
		}
		data = append(data, byte(trace.OpStatus), byte(rng.IntN(10)), 0, byte(trace.StateWaiting), byte(rng.IntN(2))+byte(trace.ReasonRecv), stack, 0, byte(rng.IntN(3)))
	}
	return data
}

// runMachine runs records through a machine. It returns its summary, its requests in
// words, and how many goroutines shared one at most. If they may not share, each gets its
// own after every record.
func runMachine(data []byte, share bool) (sum *Summary, requests []string, most int) {
	table := rules.New()
	m := newMachine(table, func(r *breakdown.Request) {
		text := fmt.Sprint(r.Goroutine, r.Endpoint, r.Kind, r.Start, r.End, r.Incomplete, r.Late, r.Ran)
		for _, s := range r.Path {
			text += fmt.Sprint("; ", s.Start, s.End, s.Goroutine, s.Bucket, s.Phase, s.Cause.State, s.Cause.Reason, s.Cause.Stack)
		}
		requests = append(requests, text)
	})
	classes := stackClasses(table, testStacks)
	for _, d := range recordsFrom(data, classes) {
		ids := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
		m.startGeneration(d.first)
		for i := range d.records {
			m.apply(d.records[i:i+1], tables{ids, d.stacks, d.names})
			if !share {
				m.part()
				for _, c := range classes {
					if c != nil {
						c.common = nil
					}
				}
			}
			n := 0
			for _, g := range m.gs.All() {
				if g.stands() {
					n++
				}
			}
			most = max(most, n)
		}
	}
	return m.finish(), requests, most
}
