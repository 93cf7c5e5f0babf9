package replay_test

import (
	"fmt"

	"timesink/analyze/breakdown"
	"timesink/analyze/replay"
)

// Two calls, one after another, would go out at once.
func Example() {
	const ms = 1_000_000
	site := breakdown.Frame{Function: "main.fetch", File: "api.go", Line: 88}
	cause := &breakdown.Cause{State: "waiting", System: "http", Site: site}
	r := breakdown.Request{Goroutine: 1, Endpoint: "main.serve", End: 70 * ms}
	for _, at := range [][2]int64{{0, 30 * ms}, {30 * ms, 70 * ms}} {
		r.Path = append(r.Path, breakdown.Segment{Start: at[0], End: at[1], Goroutine: 1, Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, Cause: cause})
		r.Calls = append(r.Calls, breakdown.Call{Start: at[0], End: at[1], Goroutine: 1, Bucket: breakdown.Upstream, System: "http", Site: site, OnPath: at[1] - at[0]})
	}
	c := replay.NewRecorder(1 << 20)
	c.Add(&r)
	rec := c.Recording(replay.Window{End: 1000 * ms, Processors: 2}, func(r *breakdown.Request) replay.Endpoint { return replay.Endpoint{Name: r.Endpoint} })
	at, err := rec.Resolve("api.go:88")
	if err != nil {
		panic(err)
	}
	p, err := rec.Predict(replay.Options{Changes: []replay.Change{{Kind: replay.Concurrent, Target: at}}})
	if err != nil {
		panic(err)
	}
	e := p.Endpoints[0]
	fmt.Println(e.Before.Mean/ms, "ms before,", e.After.Mean/ms, "ms after")
	// Output: 70 ms before, 40 ms after
}
