package cost

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
)

// A spent is what a service under load did in one measurement. Times are in ns.
type spent struct {
	requests int
	cpu      float64 // of the process, for each request
	p50, p95 float64 // of clients' latencies
}

// A row is a part of looking, measured off and on in turn.
type row struct {
	name    string
	off, on []spent
}

// TestLookingHasItsPrice measures each part of looking and prints the table. It judges nothing
// but that something was measured: what looking costs differs between machines.
func TestLookingHasItsPrice(t *testing.T) {
	exe := testbin.Build(t, "cmd/vinservice")
	list := lookers[:1]
	if *whole {
		list = lookers
	}
	var rows []row
	for _, l := range list {
		t.Run(l.name, func(t *testing.T) { rows = append(rows, measure(t, exe, l)) })
	}
	text := tabulate(rows)
	fmt.Print("\n" + text)
	for _, r := range rows {
		for _, s := range append(r.off, r.on...) {
			if s.requests == 0 || s.cpu <= 0 {
				t.Errorf("%s: nothing was measured: %+v", r.name, s)
			}
		}
	}
	if *write && !t.Failed() {
		if err := os.WriteFile(table, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// measure measures one part off and on, in turn.
func measure(t *testing.T, exe string, l looker) row {
	if l.godebug != "" {
		t.Setenv("GODEBUG", l.godebug)
	}
	c := stack.Default()
	c.Service.Calls, c.Service.KeepAlive, c.Service.CPU, c.Service.SlowDB, c.Service.Truth = vin.Concurrent, true, 0, 2*time.Millisecond, 1
	st, err := stack.Start(t.Context(), exe, nil, c)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Stop()
	folder := t.TempDir()
	nothing := func(context.Context, *stack.Stack, string, time.Duration) error { return nil }
	once(t, st, folder, nothing, *length/4) // to warm up
	r := row{name: l.name}
	for range *pairs {
		r.off = append(r.off, once(t, st, folder, nothing, *length))
		r.on = append(r.on, once(t, st, folder, l.look, *length))
	}
	return r
}

// once loads the service for some time and looks at it meanwhile.
func once(t *testing.T, st *stack.Stack, folder string, look func(context.Context, *stack.Stack, string, time.Duration) error, d time.Duration) spent {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	before := cpu(t, st)
	type loaded struct {
		*load.Result
		err error
	}
	done := make(chan loaded, 1)
	go func() {
		result, err := st.Load(ctx, load.Config{Connections: connections, Duration: d, Keep: 1 << 16})
		done <- loaded{result, err}
	}()
	if err := look(ctx, st, folder, d); err != nil {
		t.Fatal(err)
	}
	l := <-done
	if l.err != nil {
		t.Fatal(l.err)
	}
	if l.Failed > 0 || l.Count == 0 {
		t.Fatalf("%d requests answered, %d failed: %s", l.Count, l.Failed, l.Error)
	}
	return spent{requests: l.Count, cpu: float64(cpu(t, st)-before) / float64(l.Count), p50: float64(l.Latency.P50), p95: float64(l.Latency.P95)}
}

// cpu returns the CPU time of the service so far, as it states it.
func cpu(t *testing.T, st *stack.Stack) int64 {
	t.Helper()
	truth, err := st.Truth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if truth.Totals.CPU == nil {
		t.Skip("this system does not say what a process spends")
	}
	return truth.Totals.CPU.User + truth.Totals.CPU.System
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// changes returns by which share a figure changed in each pair.
func (r *row) changes(figure func(*spent) float64) (list []float64) {
	for i := range r.on {
		list = append(list, figure(&r.on[i])/figure(&r.off[i])-1)
	}
	return list
}

// meanOf returns the mean of some values and half the width of its 95% interval, by Student's t.
func meanOf(list []float64) (mean, half float64) {
	n := float64(len(list))
	for _, x := range list {
		mean += x / n
	}
	squares := 0.0
	for _, x := range list {
		squares += (x - mean) * (x - mean)
	}
	if len(list) < 2 {
		return mean, math.Inf(1)
	}
	student := []float64{12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26}
	return mean, student[min(len(list)-2, len(student)-1)] * math.Sqrt(squares/(n-1)/n)
}

// tabulate writes the rows as Markdown.
func tabulate(rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# What looking costs a service

The VIN service under the load of %d clients, with %d processors: 4 concurrent calls and a query
for each request. Each part of looking is measured alone, off and on in turn, %d times for %s
each: the service's own CPU time for each request that clients got answered, and what clients
waited. Changes are means with 95%% intervals over the pairs; those whose interval includes 0 are
not told from none. Written by `+"`.ci/cost --write`"+`, go test ./cmd/internal/cost.

| part | CPU for a request, off | on | change | p50 of clients | p95 of clients |
|---|---|---|---|---|---|
`, connections, runtime.GOMAXPROCS(0), *pairs, *length)
	for i := range rows {
		r := &rows[i]
		var off, on []float64
		for k := range r.on {
			off, on = append(off, r.off[k].cpu), append(on, r.on[k].cpu)
		}
		offMean, _ := meanOf(off)
		onMean, _ := meanOf(on)
		fmt.Fprintf(&b, "| %s | %.0f µs | %.0f µs | %s | %s | %s |\n", r.name, offMean/1e3, onMean/1e3,
			percent(r.changes(func(s *spent) float64 { return s.cpu })),
			percent(r.changes(func(s *spent) float64 { return s.p50 })),
			percent(r.changes(func(s *spent) float64 { return s.p95 })))
	}
	return b.String()
}

func percent(changes []float64) string {
	mean, half := meanOf(changes)
	if math.IsInf(half, 1) {
		return fmt.Sprintf("%+.1f%%", 100*mean)
	}
	return fmt.Sprintf("%+.1f%% ± %.1f", 100*mean, 100*half)
}
