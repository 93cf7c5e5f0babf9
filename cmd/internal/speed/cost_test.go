package speed_test

import (
	"context"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchmath"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
	"timesink/collect/capture"
)

// The pairs of runs, without and with a capture. A run is a little longer than its
// window, because the beginning and end of a capture have a cost too.
const (
	costPairs  = 16
	costRun    = 6 * time.Second
	costWindow = 5 * time.Second
	saturation = 24 // connections that saturate the machine
)

// BenchmarkCost prints what a capture costs the observed service: throughput,
// latency and processor time with and without a capture, in turn, at half load and
// at full load. Collector, service, upstreams and load share the machine, so the
// figures are an upper bound. Other work on the machine widens all intervals except
// that of the service's own processor time.
func BenchmarkCost(b *testing.B) {
	exe := testbin.Build(b, "cmd/timesink")
	cfg := stack.Default()
	cfg.Service.Calls, cfg.Service.KeepAlive, cfg.Service.Truth = vin.Concurrent, true, 1
	st, err := stack.Start(b.Context(), testbin.Build(b, "cmd/vinservice"), nil, cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := st.Stop(); err != nil {
			b.Error(err)
		}
	}()
	can := saturated(b, st)
	half := can.throughput() / 2
	fmt.Printf("\nthe service answers %.0f requests/s when it is asked by %d connections at once\n", can.throughput(), saturation)
	const line = "%-9s %9s   %-30s %-32s %-32s %s\n"
	fmt.Printf("what a capture changes, of %d pairs of runs of %s the median and its interval of 95%% or more:\n\n", costPairs, costRun)
	fmt.Printf(line, "load", "requests", "throughput", "p50", "p99", "its CPU time per request")
	for _, level := range []struct {
		name string
		load func() outcome
	}{
		{"half", func() outcome { return steady(b, st, half) }},
		{"saturated", func() outcome { return saturated(b, st) }},
	} {
		without, with := inTurn(
			func() outcome { return metered(b, st, level.load) },
			func() outcome {
				return metered(b, st, func() outcome { return lookedAt(b, exe, st, level.load) })
			})
		requests := 0
		for _, o := range slices.Concat(without, with) {
			requests += len(o.latencies)
		}
		fmt.Printf(line, level.name, fmt.Sprint(requests),
			change(without, with, "/s", 1, (*outcome).throughput),
			change(without, with, "ms", 1e3, (*outcome).p50),
			change(without, with, "ms", 1e3, (*outcome).p99),
			change(without, with, "ms", 1e3, (*outcome).perRequest))
	}
}

// inTurn alternates between two ways of loading the service. The order changes from
// pair to pair, so that a drift of the service's speed cancels out.
func inTurn(one, other func() outcome) (ones, others []outcome) {
	for i := range costPairs {
		if i%2 == 1 {
			others = append(others, other())
		}
		ones = append(ones, one())
		if i%2 == 0 {
			others = append(others, other())
		}
	}
	return ones, others
}

// metered loads the service and measures its processor time.
func metered(b *testing.B, st *stack.Stack, load func() outcome) outcome {
	if err := st.ResetTruth(b.Context()); err != nil {
		b.Fatal(err)
	}
	o := load()
	t, err := st.Truth(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if cpu := t.Totals.CPU; cpu != nil {
		o.cpu = time.Duration(cpu.User + cpu.System)
	}
	return o
}

// saturated loads the service in a closed loop.
func saturated(b *testing.B, st *stack.Stack) outcome {
	r, err := st.Load(b.Context(), load.Config{Connections: saturation, Duration: costRun, Keep: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	o := outcome{took: time.Duration(r.End - r.Start), failed: r.Failed}
	for _, request := range r.Requests {
		o.latencies = append(o.latencies, time.Duration(request.End-request.Start).Seconds())
	}
	slices.Sort(o.latencies)
	o.check(b)
	return o
}

// steady loads the service at a rate of requests a second, in an open loop.
func steady(b *testing.B, st *stack.Stack, rate float64) outcome {
	ctx, cancel := context.WithTimeout(b.Context(), costRun)
	defer cancel()
	numbers := vin.Numbers()
	o := paced(ctx, rate, func(i int) string {
		return strings.ReplaceAll(st.Route(), "{vin}", numbers[i%len(numbers)])
	})
	o.check(b)
	return o
}

// lookedAt loads the service while a capture is taken of it, and checks that the
// load covers the whole window.
func lookedAt(b *testing.B, exe string, st *stack.Stack, load func() outcome) outcome {
	path := scratch(b, "cost.zip")
	looked := make(chan error, 1)
	begin := time.Now()
	go func() {
		out, err := exec.CommandContext(b.Context(), exe, "collect", st.Pprof, "-d", costWindow.String(), "-o", path).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		looked <- err
	}()
	o := load()
	end := time.Now()
	if err := <-looked; err != nil {
		b.Fatal(err)
	}
	c, err := capture.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	w := c.Manifest().Window
	if traced := w.Start + w.TraceAsked; w.Ended != capture.EndedInTime || w.Start < begin.UnixNano() || traced > end.UnixNano() {
		b.Errorf("the window ended %s, %s after the load", w.Ended, time.Duration(traced-end.UnixNano()))
	}
	return o
}

func (o *outcome) throughput() float64 { return float64(len(o.latencies)-o.failed) / o.took.Seconds() }
func (o *outcome) p50() float64        { return o.at(50) }
func (o *outcome) p99() float64        { return o.at(99) }

func (o *outcome) perRequest() float64 { return o.cpu.Seconds() / float64(len(o.latencies)) }

func (o *outcome) at(percent int) float64 { return o.latencies[(len(o.latencies)-1)*percent/100] }

// change formats the median without a capture and its change with one: the median
// of the pairs' changes with a distribution-free interval.
func change(without, with []outcome, unit string, scale float64, of func(*outcome) float64) string {
	before, ratios := make([]float64, len(with)), make([]float64, len(with))
	for i := range with {
		before[i] = of(&without[i])
		ratios[i] = of(&with[i]) / before[i]
	}
	if median(before) == 0 {
		return "unknown"
	}
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(ratios, &benchmath.DefaultThresholds), 0.95)
	percent := func(ratio float64) string {
		if math.IsInf(ratio, 0) {
			return "?" // too few pairs
		}
		return fmt.Sprintf("%+.1f%%", 100*(ratio-1))
	}
	return fmt.Sprintf("%.4g %s %s (%s to %s)", scale*median(before), unit, percent(s.Center), percent(s.Lo), percent(s.Hi))
}
