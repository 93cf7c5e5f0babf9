// Package cores has scenarios that compute: how much of that time they have a core
// depends on what else is done to the process and the machine.
package cores

import (
	"context"
	"sync/atomic"
	"time"

	"timesink/cmd/internal/meter"
	"timesink/cmd/internal/services/scenario"
)

// Scenarios lists scenarios that compute. Each has a handler of its own, so that each is
// an endpoint.
var Scenarios = []scenario.Scenario{
	{Name: "computes briefly", Server: scenario.Handled(brieflyHandler), Open: computes(2 * time.Millisecond)},
	{Name: "computes", Server: scenario.Handled(longHandler), Open: computes(12 * time.Millisecond)},
	{Name: "reads mapped pages", Needs: []string{"folder"}, Server: scenario.Handled(pagesHandler), Open: openPages},
}

// Peers lists what scenarios run beside.
var Peers = []scenario.Peer{{Name: "busy neighbor", Serve: func(ctx context.Context, _ scenario.Env, ready func(string)) error {
	ready("beside it")
	for ctx.Err() == nil {
		spin(10 * time.Millisecond)
	}
	return nil
}}}

// computes returns an Open for requests that use that much processor time.
func computes(cpu time.Duration) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(context.Context, scenario.Env) (scenario.Work, error) {
		return func(_ context.Context, w *scenario.Watch) error {
			w.Run(func() { spinOnThread(cpu) })
			return nil
		}, nil
	}
}

// sink keeps the compiler from removing what computes it.
var sink atomic.Uint64

// spinOnThread computes until the thread has used that much processor time.
func spinOnThread(cpu time.Duration) {
	for end := meter.ThreadCPU() + int64(cpu); meter.ThreadCPU() < end; {
		steps()
	}
}

// spin computes for that long.
func spin(wall time.Duration) {
	for start := time.Now(); time.Since(start) < wall; {
		steps()
	}
}

func steps() {
	x := uint64(88172645463325252)
	for range 2000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	sink.Store(x)
}

// pages are read by each request.
const pages = 256

// openPages maps a file whose pages the kernel has dropped, which each request reads.
func openPages(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	cold, err := scenario.OpenCold(ctx, env["folder"], pages)
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, w *scenario.Watch) error {
		own, err := cold.Next()
		if err != nil {
			return err
		}
		w.Run(func() {
			sum := uint64(0)
			for i := 0; i < len(own); i += scenario.PageSize {
				sum += uint64(own[i])
			}
			sink.Store(sum)
		})
		return nil
	}, nil
}
