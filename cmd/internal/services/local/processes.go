package local

import (
	"context"
	"fmt"
	"os/exec"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Processes lists scenarios that wait for what timesink cannot look into: child processes
// and C code.
var Processes = []scenario.Scenario{
	{Name: "child process", Server: scenario.Handled(childHandler), Open: openChild, Want: scenario.Want{Finding: "child-process"}},
	{Name: "C that waits", Open: openWaitingC},
	{Name: "C that computes", Server: scenario.Handled(computingHandler), Open: openComputingC, Want: scenario.Want{Holds: computesInC}},
}

// openChild runs a program for each request and reads its output.
func openChild(context.Context, scenario.Env) (scenario.Work, error) {
	return func(_ context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.Unknown, breakdown.ChildProcess, func() error {
			out, err := exec.Command("/bin/sh", "-c", "sleep 0.03; echo done").Output()
			if err == nil && string(out) != "done\n" {
				err = fmt.Errorf("the child printed %q", out)
			}
			return err
		})
	}, nil
}

func openWaitingC(context.Context, scenario.Env) (scenario.Work, error) {
	return func(_ context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.Unknown, breakdown.CCall, func() error { waitInC(15); return nil })
	}, nil
}

// stepsInC take some milliseconds.
const stepsInC = 2_000_000

func openComputingC(context.Context, scenario.Env) (scenario.Work, error) {
	return func(context.Context, *scenario.Watch) error { computeInC(stepsInC); return nil }, nil
}

// computesInC checks that the time in C code is running time. The rest of the request is
// a sleep.
func computesInC(e *breakdown.Endpoint) error {
	cpu, unknown := &e.Buckets[breakdown.CPU], &e.Buckets[breakdown.Unknown]
	if 100*unknown.Total > cpu.Total {
		return fmt.Errorf("%d ns in C are unknown, %d are cpu", unknown.Mean, cpu.Mean)
	}
	for _, s := range cpu.Sites {
		if 2*s.Total > cpu.Total && s.Line > 0 {
			return nil
		}
	}
	return fmt.Errorf("no call site has most of the running time: %+v", cpu.Sites)
}
