package trace_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	rtrace "runtime/trace"
	"strings"
	"time"

	"timesink/analyze/trace"
)

// The decoder calls Attach once for each distinct stack, so that a loop over millions of
// records compares no strings. This one sums how long goroutines slept, by the function that
// called time.Sleep.
func Example() {
	var recorded bytes.Buffer
	if err := rtrace.Start(&recorded); err != nil {
		log.Fatal(err)
	}
	nap()
	rtrace.Stop()

	type sleeper struct {
		function string
		slept    int64 // ns
	}
	sleepers := map[string]*sleeper{}
	r, err := trace.NewReader(&recorded, trace.Options{
		Workers: 2,
		Attach: func(s *trace.Stack) (any, int) {
			if s.Frames[0].Function != "time.Sleep" || len(s.Frames) == 1 {
				return (*sleeper)(nil), 0
			}
			caller := s.Frames[1].Function
			if sleepers[caller] == nil {
				sleepers[caller] = &sleeper{function: caller}
			}
			return sleepers[caller], len(caller)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	type nap struct {
		since int64
		by    *sleeper
	}
	asleep := map[int64]nap{} // goroutines, by their id in the trace
	for g := range r.Generations(context.Background()) {
		for records := range g.Records() {
			for i := range records {
				rec := &records[i]
				switch {
				case rec.Op == trace.OpState && rec.Reason == trace.ReasonSleep && rec.Stack != 0:
					if by := g.Stacks[rec.Stack].Attached.(*sleeper); by != nil {
						asleep[g.IDs[rec.G]] = nap{rec.At, by}
					}
				case rec.Op == trace.OpWake:
					if n, ok := asleep[g.IDs[rec.G]]; ok {
						n.by.slept += rec.At - n.since
						delete(asleep, g.IDs[rec.G])
					}
				}
			}
		}
	}
	if err := r.Err(); err != nil {
		log.Fatal(err) // what was read before it is whole
	}
	for _, s := range sleepers {
		if strings.HasSuffix(s.function, ".nap") {
			fmt.Println("nap slept for at least 3ms:", s.slept >= 3*time.Millisecond.Nanoseconds())
		}
	}
	// Output:
	// nap slept for at least 3ms: true
}

func nap() { time.Sleep(3 * time.Millisecond) }
