package speed_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
)

// A loadLevel is a closed loop of so many clients.
type loadLevel struct {
	name        string
	connections int
}

// The pairs of runs, without and with a capture, and how long each takes.
const (
	costPairs = 8
	costRun   = 4 * time.Second
)

// BenchmarkCost prints what a capture costs the service that is looked at:
// throughput and latency with and without one, in turn, at about half of what
// the machine can do and at all of it. Collector, service, upstreams and load
// share the machine, so the figures are an upper bound.
func BenchmarkCost(b *testing.B) {
	exe := testbin.Build(b, "timesink/cmd/timesink")
	cfg := stack.Default()
	cfg.Service.Calls, cfg.Service.KeepAlive = vin.Concurrent, true
	st, err := stack.Start(b.Context(), testbin.Build(b, "timesink/cmd/vinservice"), nil, cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := st.Stop(); err != nil {
			b.Error(err)
		}
	}()
	fmt.Printf("\n%-10s %9s   %-28s %-28s %-28s\n", "load", "requests", "throughput", "p50", "p99")
	for range b.N {
		for _, level := range []loadLevel{{"half", 4}, {"saturated", 24}} {
			var without, with []*load.Result
			for range costPairs {
				without = append(without, measured(b, st, level, nil))
				with = append(with, measured(b, st, level, []string{exe, "collect", st.Pprof, "-d", costRun.String()}))
			}
			requests := 0
			for _, r := range slices.Concat(without, with) {
				requests += r.Count
			}
			fmt.Printf("%-10s %9d   %-28s %-28s %-28s\n", level.name, requests,
				change(without, with, throughput),
				change(without, with, func(r *load.Result) float64 { return float64(r.Latency.P50) }),
				change(without, with, func(r *load.Result) float64 { return float64(r.Latency.P99) }))
		}
	}
}

func throughput(r *load.Result) float64 {
	return float64(r.Count) / (time.Duration(r.End - r.Start).Seconds())
}

// measured loads the service for one run, while the command, if any, looks at
// it.
func measured(b *testing.B, st *stack.Stack, level loadLevel, look []string) *load.Result {
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	looked := make(chan error, 1)
	if look == nil {
		looked <- nil
	} else {
		path := filepath.Join(b.TempDir(), fmt.Sprintf("%d.zip", time.Now().UnixNano()))
		cmd := exec.CommandContext(ctx, look[0], append(look[1:], "-o", path)...)
		go func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			os.Remove(path)
			looked <- err
		}()
	}
	result, err := st.Load(ctx, load.Config{Connections: level.connections, Duration: costRun, Keep: 1 << 16})
	if err != nil {
		b.Fatal(err)
	}
	if err := <-looked; err != nil {
		b.Fatal(err)
	}
	return result
}

// change is the median of the pairs' changes, with a bootstrap interval of 95%
// over the pairs.
func change(without, with []*load.Result, of func(*load.Result) float64) string {
	ratios := make([]float64, len(with))
	for i := range with {
		ratios[i] = of(with[i])/of(without[i]) - 1
	}
	rng := rand.New(rand.NewPCG(1, 2))
	medians := make([]float64, 2000)
	for i := range medians {
		drawn := make([]float64, len(ratios))
		for j := range drawn {
			drawn[j] = ratios[rng.IntN(len(ratios))]
		}
		medians[i] = middle(drawn)
	}
	slices.Sort(medians)
	return fmt.Sprintf("%+.1f%% (%+.1f%% to %+.1f%%)", 100*middle(ratios), 100*medians[50], 100*medians[1949])
}

func middle(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
